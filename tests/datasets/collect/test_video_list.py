"""Video lists: every mistake has its line, and one reader serves preparing and comparing."""

from pathlib import Path

import pytest

from stvt.datasets.collect.video_list import TEMPLATE, read_list
from stvt.datasets.errors import DatasetError


def listed(tmp_path: Path, text: str) -> Path:
    (tmp_path / "list.csv").write_text(text)
    return tmp_path / "list.csv"


def test_ids_and_addresses_of_one_video_are_one_video(tmp_path: Path) -> None:
    path = listed(
        tmp_path,
        "# reviewed\nvideo,start,end\nabcdefghij1,1:02.5,70\n"
        "https://youtu.be/abcdefghij1?t=3,80,1:30\nhttps://www.youtube.com/watch?v=abcdefghij2,,\n",
    )
    first, second = read_list(path)
    assert first.url == "https://www.youtube.com/watch?v=abcdefghij1"
    assert [(float(s.start), float(s.end or 0)) for s in first.sections] == [(62.5, 70), (80, 90)]
    assert (second.name, second.sections[0].end) == ("abcdefghij2", None)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("abcdefghij1,5,4", ":2: its end"),
        ("abcdefghij1,x,4", ":2: start is 'x'"),
        (",1,4", ":2: names no video"),
        ("nowhere,,", ":2: 'nowhere' is no id"),
        ("abcdefghij1,1,4\nabcdefghij1,3,5", ":3: overlaps"),
        ("abcdefghij1,1,4,9", ":2: has 4 fields"),
        ("http://[::1,1,4", ":2: cannot be read: Invalid IPv6"),
        (f"abcdefghij1,{'9' * 5000},", ":2: cannot be read: "),
        ("x" * 200_000, "list.csv: is damaged: it is no list"),
        ("a\0b.mp4,1,4", "list.csv: is damaged: it is no list"),
    ],
)
def test_a_mistake_in_a_list_is_told_with_its_line(tmp_path: Path, rows: str, said: str) -> None:
    with pytest.raises(DatasetError, match=said):
        read_list(listed(tmp_path, f"video,start,end\n{rows}\n"))


def test_the_template_is_a_list_without_videos(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="names no video yet"):
        read_list(listed(tmp_path, TEMPLATE))


def test_a_list_of_somebody_else_can_be_compared_with_but_not_prepared(tmp_path: Path) -> None:
    text = "url,start,end,filmed by\nhttps://example.org/watch?v=abc&t=3,0,9,me\nwalk.mp4,1,2,me\n"
    path = listed(tmp_path, text + "walk.mp4,1.5,3,you\nshort,,,me\n")
    assert [video.name for video in read_list(path, strict=False)] == ["abc", "walk", "short"]
    assert len(read_list(path, strict=False)[1].sections) == 2
    with pytest.raises(DatasetError, match="the first line names the columns"):
        read_list(path)
