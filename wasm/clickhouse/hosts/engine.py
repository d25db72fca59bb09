"""ClickHouse's engine in this process, through chDB: one database, its modules and its log."""

import struct
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

FUNCTIONS = """
CREATE OR REPLACE FUNCTION whose_enrich LANGUAGE WASM ABI BUFFERED_V1 FROM '{module}'
    ARGUMENTS (event String) RETURNS String DETERMINISTIC
    SETTINGS serialization_format = 'RowBinary', webassembly_udf_enable_fuel = 0;
CREATE OR REPLACE FUNCTION whose_lookup LANGUAGE WASM ABI BUFFERED_V1 FROM '{module}'
    ARGUMENTS (key String, field String) RETURNS String DETERMINISTIC
    SETTINGS serialization_format = 'RowBinary', webassembly_udf_enable_fuel = 0;
CREATE OR REPLACE FUNCTION whose_snapshots LANGUAGE WASM ABI BUFFERED_V1 FROM '{module}'
    ARGUMENTS () RETURNS String DETERMINISTIC
    SETTINGS serialization_format = 'RowBinary', webassembly_udf_enable_fuel = 0;
"""
# Longest wait for a line of the log.
LATE_S = 10


class Refused(Exception):
    """The engine refused a statement."""


class Database:
    """A new database in a folder. chDB opens one a process."""

    def __init__(self, folder: Path) -> None:
        from chdb import session  # noqa: PLC0415: half a second, and only workers need it

        self._log = folder / "clickhouse.log"
        options = f"allow_experimental_webassembly_udf=1&logger.level=debug&logger.log={self._log}"
        self._session = session.Session(f"{folder / 'database'}?{options}")

    def bytes(self, statement: str, form: str = "TSV") -> bytes:
        """What a statement answers."""
        try:
            return bytes(self._session.query(statement, form).bytes())
        except Exception as error:  # noqa: BLE001: chDB raises its own and RuntimeError
            raise Refused(str(error)) from error

    def text(self, statement: str, form: str = "TSV") -> str:
        """The same, as text without the last line end."""
        return self.bytes(statement, form).decode(errors="replace").rstrip("\n")

    def run(self, statements: str) -> None:
        """Runs statements, which end with a semicolon at the end of a line."""
        for statement in split(statements):
            self.bytes(statement)

    def add_module(self, name: str, path: Path) -> None:
        """Loads a module and makes its three functions."""
        self.bytes(
            "INSERT INTO system.webassembly_modules (name, code) "
            f"SELECT '{name}', raw_blob FROM file('{path}', 'RawBlob')"
        )
        self.run(FUNCTIONS.format(module=name))

    def add_rows(self, table: str, rows: Iterable[bytes], folder: Path) -> None:
        """Makes a table of numbered rows; a String holds any bytes."""
        path = folder / f"{table}.bin"
        with path.open("wb") as file:
            for number, row in enumerate(rows):
                file.write(struct.pack("<I", number) + leb128(len(row)) + row)
        self.bytes(f"CREATE TABLE {table} (n UInt32, event String) ENGINE = Memory")
        self.bytes(
            f"INSERT INTO {table} SELECT * FROM file('{path}', 'RowBinary', 'n UInt32, event String')"
        )
        path.unlink()

    def log(self) -> list[str]:
        """What modules wrote into the server's log so far."""
        lines = self._log.read_text(errors="replace").splitlines()
        return [line for line in lines if "> WasmUdf: " in line]

    def warns(self, of: str) -> bool:
        """Whether a module's warning begins so; lines arrive in the log a little later."""
        until = time.monotonic() + LATE_S
        while not any(f"whose: {of}" in line for line in self.log() if "<Warning>" in line):
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True


def split(statements: str) -> list[str]:
    """Statements that end with a semicolon at the end of a line."""
    found = (statement.strip().removesuffix(";") for statement in statements.split(";\n"))
    return [statement for statement in found if statement]


def leb128(number: int) -> bytes:
    """A length as RowBinary writes it."""
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def strings(block: bytes) -> Iterator[bytes]:
    """The strings of a block of RowBinary."""
    at = 0
    while at < len(block):
        length = shift = 0
        while True:
            byte = block[at]
            at += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        yield block[at : at + length]
        at += length


def quoted(text: str) -> str:
    """A text as a literal of SQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
