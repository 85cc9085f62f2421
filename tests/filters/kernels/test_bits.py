"""Masks of 64 bytes agree with the running Python, byte by byte, wherever they begin."""

from __future__ import annotations

import random
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from filters.kernels import bits

EVERY = np.arange(256, dtype=np.uint8)


@pytest.mark.parametrize(
    ("mask", "belongs"),
    [
        (bits.spaces, lambda byte: byte < 128 and chr(byte).isspace()),
        (bits.letters, lambda byte: byte < 128 and chr(byte).isalpha()),
        (bits.digits, lambda byte: byte < 128 and chr(byte).isdigit()),
        (bits.beyond_ascii, lambda byte: byte >= 128),
        (bits.continuations, lambda byte: 128 <= byte < 192),
        (bits.line_feeds, lambda byte: byte == ord("\n")),
        (bits.carriage_returns, lambda byte: byte == ord("\r")),
        (bits.full_stops, lambda byte: byte == ord(".")),
        (bits.hash_signs, lambda byte: byte == ord("#")),
    ],
)
def test_a_mask_has_the_bit_of_each_byte_in_its_class(mask, belongs):
    from numba import njit

    @njit
    def at(array, position):
        return mask(array, position)

    for position in (0, 1, 63, 64, 100, 192):
        expected = sum(belongs(position + i) << i for i in range(64) if position + i < 256)
        assert (
            int(at(np.concatenate([EVERY, np.zeros(64, np.uint8)]), position)) & (1 << 256 - position) - 1 == expected
        )


def test_bits_before_a_position_are_counted_over_blocks():
    from numba import njit

    @njit
    def count(counts, masks, position):
        return bits.before(counts, masks, position)

    draw = random.Random(3)
    flags = [draw.random() < 0.5 for _ in range(192)]
    masks = np.array([sum(flag << i for i, flag in enumerate(flags[b : b + 64])) for b in (0, 64, 128)], np.uint64)
    counts = np.array([0, sum(flags[:64]), sum(flags[:128])], np.int32)
    for position in range(192):
        assert count(counts, masks, position) == sum(flags[:position])


def test_a_comparison_of_64_bytes_compiles_for_arm64():
    program = """
        import llvmlite.binding as llvm
        from llvmlite import ir
        from filters.kernels import bits

        module = ir.Module()
        for number, is_member in enumerate((bits._is_space, bits._is_letter, bits._is_continuation)):
            kind = ir.FunctionType(bits._WORD, [bits._BYTES.as_pointer()])
            function = ir.Function(module, kind, f"mask_{number}")
            builder = ir.IRBuilder(function.append_basic_block())
            member = is_member(builder, builder.load(function.args[0], align=1))
            builder.ret(builder.bitcast(member, bits._WORD))
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()
        machine = llvm.Target.from_triple("aarch64-unknown-linux-gnu").create_target_machine(opt=2)
        print(machine.emit_assembly(llvm.parse_assembly(str(module))))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True)
    assert "cmhi" in done.stdout or "cmhs" in done.stdout  # NEON: sixteen bytes compared, unsigned
    assert all(f"mask_{number}:" in done.stdout for number in range(3))
