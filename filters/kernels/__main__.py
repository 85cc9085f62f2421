"""`python -m filters.kernels`: compile and cache every kernel."""

from filters.kernels import warm_up

if __name__ == "__main__":
    print(f"compiled and cached: {', '.join(warm_up())}")
