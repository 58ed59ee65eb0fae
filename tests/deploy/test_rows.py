from pathlib import Path

import pytest

from deploy.minqing import rows
from deploy.minqing.rows import Plan, Row
from deploy.minqing.trouble import Trouble

KNOWN = ("kind", "summary", "text", "received_at", "petitioners")


@pytest.fixture
def file(tmp_path: Path):
    def file(content: str | bytes, name: str = "grievances.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return file


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030"])
def test_a_table_is_read_in_every_encoding_that_chinese_spreadsheets_write(file, encoding):
    read = rows.read(file("标题,内容\n路灯不亮,第三盏路灯不亮\n".encode(encoding)))
    assert read.columns == ["标题", "内容"]
    assert read.rows == [Row(2, {"标题": "路灯不亮", "内容": "第三盏路灯不亮"})]


def test_a_cell_may_hold_line_ends_and_rows_count_as_in_a_spreadsheet(file):
    read = rows.read(file('summary,text\r\na,"one\r\ntwo"\r\n\r\nb,three\r\n'))
    assert [(row.n, row.cells["summary"]) for row in read.rows] == [(2, "a"), (4, "b")]


def test_json_lines_are_read_as_objects(file):
    read = rows.read(file('{"summary": "a"}\n\n{"summary": "b"}\n', "grievances.jsonl"))
    assert read.rows == [Row(1, {"summary": "a"}), Row(3, {"summary": "b"})]


@pytest.mark.parametrize(
    ("content", "name", "reason"),
    [
        (b"\xff\xff\xff", "a.csv", "neither UTF-8 nor GBK"),
        ("", "a.csv", "must be distinct names"),
        ("text,text\n1,2\n", "a.csv", "must be distinct names"),
        ("text\none,two\n", "a.csv", "row 2 has more cells"),
        ("[1]\n", "a.jsonl", "line 1 is no JSON object"),
        ("[" * 100_000, "a.jsonl", "line 1 is no JSON object"),
        ('{"text": ' + "9" * 5000 + "}", "a.jsonl", "line 1 is no JSON object"),
        ('{"text": "\\ud800"}', "a.jsonl", "line 1 is no JSON object"),
        ('{"text": "a"}\n{"text"\n', "a.jsonl", "line 2 is no JSON object"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_its_place_and_reason(file, content, name, reason):
    with pytest.raises(Trouble, match=reason):
        rows.read(file(content, name))


def test_columns_fill_the_fields_that_they_are_chosen_for(file):
    read = rows.read(file("标题,内容,点赞\na,b,7\n"))
    plan = rows.plan(read, KNOWN, {"summary": "标题", "text": "内容"}, {"kind": "claim"})
    assert plan.body(read.rows[0]) == {"summary": "a", "text": "b", "kind": "claim"}


def test_a_column_that_is_no_field_is_refused_unless_columns_are_chosen(file):
    read = rows.read(file("text,likes\na,7\n"))
    with pytest.raises(Trouble, match="likes is no field"):
        rows.plan(read, KNOWN, {}, {})
    with pytest.raises(Trouble, match="no column body"):
        rows.plan(read, KNOWN, {"text": "body"}, {})


def test_a_default_stands_where_a_row_is_empty():
    plan = Plan({"kind": "kind"}, {"kind": "claim"})
    assert plan.body(Row(2, {"kind": ""})) == {"kind": "claim"}
    assert plan.body(Row(3, {"kind": "inquiry"})) == {"kind": "inquiry"}


def test_dots_reach_into_lists():
    plan = Plan({"petitioners.0.name": "a", "petitioners.1.name": "b"}, {})
    assert plan.body(Row(2, {"a": "何桂兰", "b": "江海生"})) == {
        "petitioners": [{"name": "何桂兰"}, {"name": "江海生"}]
    }


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-03-01 09:30", "2026-03-01T09:30:00+08:00"),
        ("2026-03-01T01:30:00Z", "2026-03-01T01:30:00+00:00"),
        ("yesterday", "yesterday"),
    ],
)
def test_a_time_without_a_zone_is_beijings(written, meant):
    assert Plan({"received_at": "at"}, {}).body(Row(2, {"at": written})) == {"received_at": meant}


def test_failed_rows_can_be_mended_and_read_again(file):
    path = file("text,kind\n好,什么\n")
    read = rows.read(path)
    written = rows.write_failed(path, read.columns, [(read.rows[0], "kind: 须为下列之一")])
    again = rows.read(written)
    assert again.columns == ["text", "kind", rows.REASON]
    assert rows.plan(again, KNOWN, {}, {}).body(again.rows[0]) == {"text": "好", "kind": "什么"}
