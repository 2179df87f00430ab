"""``connector import``: orders from files, told by the line, beside a daemon and alone."""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.admin.order_files import Entry, OrderFile
from connector.model.errors import UsageError
from connector.runtime import exact_json
from tests.fire.hatchery import Hatchery
from tests.privy import RunningSandbox, running_sandbox
from tests.program import Finished, Program, until

STORE = "house"
OLD = "2024-05-01T10:00:00Z"


def order(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "order_id": number,
        "order_date": OLD,
        "total": 10 + number,
        "currency": "EUR",
        "email": f"buyer{number}@mail.example",
        **fields,
    }


def json_lines(*bodies: Any) -> bytes:
    return b"\n".join(body if isinstance(body, bytes) else exact_json.encode(body) for body in bodies)


class House:
    """The program with one store of platform push, and Privy."""

    def __init__(self, program: Program, sandbox: RunningSandbox) -> None:
        self.program = program
        self.sandbox = sandbox

    def file(self, content: bytes, name: str = "orders.jsonl", *, age: float = 3600) -> str:
        path = self.program.folder / name
        if path.exists() and path.read_bytes() == content:
            return name  # the same file again
        path.write_bytes(content)
        then = datetime.now(UTC).timestamp() - age
        os.utime(path, (then, then))
        return name

    async def bring(self, content: bytes, *arguments: str, **about: Any) -> Finished:
        return await self.program("import", STORE, self.file(content, **about), "--json", *arguments)

    def totals(self) -> dict[int, Any]:
        """What Privy holds."""
        bodies = [exact_json.decode(one.body.encode()) for one in self.sandbox.arrivals]
        return {body["order_id"]: body["total"] for body in bodies}


@pytest.fixture
async def house(tmp_path: Path, nest: Hatchery) -> AsyncIterator[House]:
    async with running_sandbox(per_minute=None, per_day=None, token="privy_test") as sandbox:
        program = Program(
            tmp_path, shop="http://127.0.0.1:1", privy=sandbox.base_url, token="privy_test", hatchery=nest
        )
        program.configuration["stores"] = {
            STORE: {"platform": "push", "url": "https://house.example", "account": "main"}
        }
        program.write()
        yield House(program, sandbox)


def entries(content: bytes) -> list[Entry]:
    """A file's orders, known by ``id``."""
    source = io.BytesIO(content)
    return list(OrderFile(source, lambda body: str(body.get("id", ""))))  # type: ignore[arg-type]


async def test_orders_of_the_past_are_handed_to_a_running_daemon_and_nobody_is_written_to(
    house: House,
) -> None:
    async with house.program.daemon() as daemon:
        done = await house.bring(json_lines(*(order(number) for number in range(1, 301))))
        assert done.code == 0
        assert f"The daemon (process {daemon.process.pid}) delivers" in done.stderr
        told = done.json
        assert (told["read"], told["history"], told["live"], told["faults"]) == (300, 300, 0, [])
        await until(lambda: len(house.sandbox.ledger.orders) == 300)
    assert house.sandbox.ledger.flows == []
    assert house.totals()[300] == 310


async def test_alone_it_says_what_delivers_and_a_second_time_costs_nothing(house: House) -> None:
    lines = json_lines(*(order(number) for number in range(1, 251)))
    first = await house.bring(lines)
    assert "connector run, or connector sync, delivers" in first.stderr
    await house.program.good("sync")
    calls = len(house.sandbox.arrivals)
    assert calls == 250
    again = (await house.bring(lines)).json
    assert (again["unchanged"], again["history"], again["stale"]) == (250, 0, 0)
    await house.program.good("sync")
    assert len(house.sandbox.arrivals) == calls


async def test_a_bad_line_is_named_with_its_number_and_the_rest_goes_on(house: House) -> None:
    done = await house.bring(
        json_lines(
            order(1),
            b"{not json",
            b"",
            order(2, total="much"),
            b"[1]",
            {"no": "id"},
            b'{"order_id": "\xff"}',
            order(3),
        )
    )
    assert done.code == 1
    told = done.json
    assert (told["history"], told["failed"], told["left_out"]) == (2, 1, 4)
    assert [(one["line"], one["order"]) for one in told["faults"]] == [
        (2, ""),
        (5, ""),
        (7, ""),
        (4, "2"),
        (6, ""),
    ]
    assert "orders.jsonl:4: order 2: total: is not a number" in done.stderr
    assert "orders.jsonl:2: is not JSON" in done.stderr
    listed = (await house.program.good("failed", "list", "--json")).json
    assert [one["ref"] for one in listed] == ["2"]
    assert "much" not in house.program.printed()


async def test_a_dry_run_says_the_same_and_keeps_nothing(house: House) -> None:
    lines = json_lines(order(1), order(2, test=True), order(3, currency="gold"))
    tried = await house.bring(lines, "--dry-run")
    assert tried.code == 1
    status = (await house.program.good("status", "--json")).json["stores"][0]
    assert (status["waiting_history"], status["failed"], status["skipped"]) == (0, 0, {})
    done = await house.bring(lines)
    told, trial = done.json, tried.json
    assert (trial.pop("dry_run"), told.pop("dry_run")) == (True, False)
    assert trial == told


async def test_what_was_pushed_after_the_file_was_written_is_newer(house: House) -> None:
    """Whether it is imported before or after; an import never takes an order back in time."""
    newer = json_lines(order(1, total=99))
    assert (await house.bring(newer, age=60)).json["history"] == 1
    older = (await house.bring(json_lines(order(1, total=1), order(2)), name="older.jsonl", age=600)).json
    assert (older["stale"], older["history"]) == (1, 1)
    again = (await house.bring(newer, "--as-of", "2020-01-01")).json
    assert again["stale"] == 1
    await house.program.good("sync")
    assert house.totals() == {1: 99, 2: 12}


async def test_several_states_of_an_order_in_a_file_end_with_the_last_one_however_often_it_is_read(
    house: House,
) -> None:
    states = [order(1, total=total) for total in range(1, 150)] + [order(2)]
    first = (await house.bring(json_lines(*states))).json
    assert (first["history"], first["stale"]) == (3, 147)
    await house.program.good("sync")
    assert house.totals()[1] == 149
    again = (await house.bring(json_lines(*states))).json
    assert again["history"] + again["live"] == 0
    assert (await house.program.good("sync")).code == 0
    assert house.totals()[1] == 149


async def test_an_order_that_is_young_is_live_though_it_comes_from_a_file(house: House) -> None:
    await house.program.good("sync")  # the store goes live now
    young = order(1, order_date=(datetime.now(UTC) + timedelta(seconds=1)).isoformat())
    done = await house.bring(json_lines(young, order(2)), age=0)
    assert (done.json["live"], done.json["history"]) == (1, 1)
    await house.program.good("sync")
    assert [flow.order_id for flow in house.sandbox.ledger.flows] == [1]


async def test_csv_with_an_orders_lines_in_rows_that_follow_each_other(house: House) -> None:
    content = "\ufeff" + "\r\n".join(
        (
            "order_id;order_date;total;currency;email;shipping_address.city;line_items[].sku;"
            "line_items[].quantity;line_items[].price",
            f"1;{OLD};30.00;EUR;ann@mail.example;Köln;TEA;2;10.00",
            "1;;;;;;CUP;1;10.00",
            ";;;;;;SPOON;3;0",
            f'2;{OLD};5;EUR;"bo@mail.example";"Bad\r\n""Ort""; Süd";A;1;5',
        )
    )
    done = await house.bring(content.encode(), name="orders.csv")
    assert (done.code, done.json["history"]) == (0, 2), done.stderr
    await house.program.good("sync")
    bodies = {one.order_id: exact_json.decode(one.body.encode()) for one in house.sandbox.arrivals}
    assert [line["sku"] for line in bodies[1]["line_items"]] == ["TEA", "CUP", "SPOON"]
    assert (bodies[1]["total_items"], bodies[1]["shipping_address"]["city"]) == (6, "Köln")
    assert bodies[2]["shipping_address"]["city"] == 'Bad "Ort"; Süd'


async def test_rows_of_one_order_that_do_not_follow_each_other_are_refused_not_half_taken(
    house: House,
) -> None:
    head = (
        "order_id,order_date,total,currency,email,line_items[].sku,line_items[].quantity,line_items[].price"
    )
    rows = [f"{number},{OLD},5,EUR,a@mail.example,S{number},1,5" for number in (*range(1, 121), 1, 120, 120)]
    content = "\n".join((head, *rows, f"119,{OLD},5,EUR,a@mail.example,S,1,5")).encode()
    for _ in range(2):
        done = await house.bring(content, name="orders.csv")
        assert done.code == 1
        assert [one["line"] for one in done.json["faults"]] == [122, 123, 125]
        assert "sort the file by order" in done.stderr
    await house.program.good("sync")
    assert len(house.sandbox.ledger.orders) == 120


async def test_gzip_and_standard_input_are_read_too(house: House) -> None:
    packed = gzip.compress(json_lines(order(1), order(2)))
    assert (await house.bring(packed, name="orders.gz")).json["history"] == 2
    cut = await house.bring(packed[:-20], name="cut.gz")
    assert cut.code == 2
    assert "cut.gz cannot be read beyond line" in cut.stderr
    from_input = await house.program("import", STORE, "-", "--json")
    assert (from_input.code, from_input.json["read"]) == (0, 0)


async def test_what_cannot_be_imported_at_all_is_wrong_usage(house: House) -> None:
    program = house.program
    missing = await program("import", STORE, "nowhere.jsonl")
    assert (missing.code, "does not exist" in missing.stderr) == (2, True)
    unknown = await program("import", "nobody", house.file(b"{}"))
    assert (unknown.code, "there is no store" in unknown.stderr) == (2, True)
    program.configuration["stores"]["acme"] = {
        "platform": "woocommerce",
        "url": "https://acme.example",
        "credentials": {"consumer_key": "ck_1", "consumer_secret": "cs_1"},
        "account": "main",
        "mapping": {"order_id": {"strategy": "hash"}},
    }
    program.write()
    read = await program("import", "acme", house.file(b"{}"))
    assert (read.code, "connector backfill --store acme" in read.stderr) == (2, True)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (b"id,id", "'id'"),
        (b"id,a,a.b", "'a.b'"),
        (b"id,a.b,a", "'a'"),
        (b"id,a[],a.b", "'a.b'"),
        (b"id,a[0],a[]", "'a[]'"),
        (b"id,a[].b[].c", "only one list"),
        (b"id,a[x]", "'a[x]'"),
        (b'id,"a', "no header"),
    ],
)
def test_a_header_whose_columns_do_not_go_together_is_refused(header: bytes, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        entries(header + b"\n1,2,3\n")
    assert said in str(caught.value)


def test_columns_become_nested_documents_and_empty_cells_say_nothing() -> None:
    content = b"id,a.b.c,list[0].x,list[1].x,list[1].y,tags[]\n1,deep,first,,second,red\n1,,,,,blue\n2,,,,,\n"
    assert entries(content) == [
        Entry(2, {"id": "1", "a": {"b": {"c": "deep"}}, "list": [{"x": "first"}, {"y": "second"}],
                  "tags": ["red", "blue"]}),
        Entry(4, {"id": "2"}),
    ]  # fmt: skip


def test_without_a_list_in_rows_each_row_is_an_order() -> None:
    assert entries(b"id\tv\n1\ta\n1\tb\n") == [
        Entry(2, {"id": "1", "v": "a"}),
        Entry(3, {"id": "1", "v": "b"}),
    ]


ROWS = [("1", "A"), ("2", "Ü")]


def sheet(sign: str, *, before: str = "", header: str = "id{0}x", rows: str = "{1}{0}{2}") -> str:
    lines = [header.format(sign), *(rows.format(sign, *row) for row in ROWS)]
    return before + "\r\n".join(lines) + "\r\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize(
    "text",
    [
        *(sheet(sign) for sign in ",;\t|"),
        sheet(";", before="sep=;\r\n"),
        sheet("|", before='"SEP=|"\n'),
        sheet(";", before=";;\r\n\r\n"),
        sheet(";", header="id{0}x{0}{0} ", rows="{1}{0}{2}{0}{0}"),
        sheet(",", header="{0}id{0}x", rows="17{0}{1}{0}{2}"),  # pandas writes its row numbers so
        sheet(",", rows="{1}{0}{2}{0}{0}"),
        sheet(";").replace("\r\n2", "\r\n;\r\n\r\n ; \r\n2") + ";\r\n;\r\n",
        '[\n {"id": "1",\n  "x": "A"},\n {"id": "2", "x": "Ü"}\n]\n',
        '{"id": "1", "x": "A"}\n\n{"id": "2", "x": "Ü"}',
        '{"orders": [\n{"id": "1", "x": "A"},\n{"id": "2", "x": "Ü"}]}',
        '{"orders": [{"id": "1", "x": "A"}, {"id": "2", "x": "Ü"}]}',
    ],
)
def test_what_excel_and_others_save_is_read(text: str, encoding: str) -> None:
    found = entries(text.encode(encoding))
    assert [one.fault for one in found] == ["", ""]
    assert [(one.body["id"], one.body["x"]) for one in found if one.body] == ROWS


def test_lines_are_those_of_the_file() -> None:
    assert [one.line for one in entries(b"sep=;\n\nid;x\n1;a\n;\n2;b\n")] == [4, 6]
    assert [one.line for one in entries(b'\n[\n{"id":\n1},\n7,{"id":2,"x":NaN}]')] == [3, 5, 5]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            b"PK\x03\x04\x14\x00\x00\x00\x00\x00[Content_Types].xml",
            "workbook (.xlsx, .ods or .numbers); save it as CSV",
        ),
        (b"PK\x03\x04\x14\x00orders.csv", "ZIP archive; unpack it first"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "old Excel workbook (.xls)"),
        (gzip.compress(b"PK\x03\x04xl/workbook.xml", mtime=0), "workbook"),
        (b"<html><table>", "HTML or XML"),
        (b"%PDF-1.7", "is a PDF"),
        (bytes(range(256)), "bytes of zero"),
        (b'[{"id":1},\n{"id":', "is not JSON (Input data was truncated)"),
        (b'{\n "id": 1\n}\n{\n "id": 2\n}\n', "an order on each line"),
        (b'{"id":1', "is not JSON"),
        (b"null", "none of its 1 columns is the order's id"),
        (b"number;total\n1;2\n", "none of its 2 columns is the order's id"),
        (b"sep=;\nfoo;bar\n", "is line 2 its header?"),
    ],
)
def test_what_holds_no_orders_is_named_once_with_what_to_do(content: bytes, said: str) -> None:
    with pytest.raises(UsageError, match=r"^the file ") as caught:
        entries(content)
    assert said in str(caught.value)


def test_a_broken_row_spoils_its_own_order_and_no_other() -> None:
    content = b"id,l[].s\n1,a\n1,b,c\n2,d\n3\n3,e\n4,\xff\n5,f\n"
    found = entries(content)
    assert [(one.line, one.body) for one in found if one.body] == [
        (2 + 2, {"id": "2", "l": [{"s": "d"}]}),
        (8, {"id": "5", "l": [{"s": "f"}]}),
    ]
    assert {one.line: one.fault for one in found if not one.body} == {
        3: "its cells are 3, those of the header 2",
        2: "its order is left out, because line 3 cannot be read",
        5: "its cells are 1, those of the header 2",
        6: "its order is left out, because line 5 cannot be read",
        7: "is not UTF-8 text; save the file as CSV UTF-8",
    }


def test_a_quote_that_never_ends_costs_one_order() -> None:
    content = b'id,v\n1,a\n2,"' + b"x" * 200_000 + b"\n" + b"".join(b"%d,b\n" % n for n in range(3, 9))
    found = entries(content)
    assert found[0].body == {"id": "1", "v": "a"}
    assert "is not CSV" in found[1].fault


def test_a_line_without_end_does_not_fill_the_memory() -> None:
    content = b'{"id": 1}\n{"id": "' + b"x" * 9_000_000 + b'"}\n{"id": 3}'
    found = entries(content)
    assert [one.line for one in found] == [1, 2, 3]
    assert found[1].fault == "is longer than 4,194,304 bytes"
    assert found[2].body == {"id": 3}
