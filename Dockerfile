# The image of a Dataflow worker, and of a person: docker run --entrypoint python IMAGE -m massivetext.build --help
# Python minor version and Beam version must equal the submitter's (constraints.txt pins the same Beam).
FROM apache/beam_python3.11_sdk:2.77.0

# One instruction-set level for all machines, or every kernel would be compiled again on the next one.
ENV NUMBA_CACHE_DIR=/opt/massivetext/kernels \
    NUMBA_CPU_NAME=x86-64-v3 \
    NUMBA_CPU_FEATURES= \
    OMP_NUM_THREADS=1

COPY . /opt/massivetext/source
RUN pip install --no-cache-dir -c /opt/massivetext/source/constraints.txt "/opt/massivetext/source[gcp,aws]"
RUN python -m pipelines.kernels

# The base image's ENTRYPOINT, /opt/apache/beam/boot, stays: it is what a runner starts.
