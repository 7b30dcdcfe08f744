"""report.html: that it is one safe file of bounded size, and that it works in a real browser."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stvt.evaluation import thumbnails
from stvt.evaluation.protocol import Position
from stvt.reports import ClipFiles, write_report
from stvt.reports.averages import averages
from stvt.reports.page import scene_data
from stvt.reports.page.html import html_page
from stvt.reports.scores import checked
from tests.builders.reports import NASTY, example_info, example_picture, example_scores, run_info

HOSTILE = "</script><img src=x onerror=alert(1)>_&%\"'"


def made_clips(folder: Path, methods: Sequence[str], frames: int = 6) -> ClipFiles:
    """A scene's moving pictures: a square that goes right over noise, the methods off by more."""
    generator = np.random.default_rng(0)
    ground = generator.integers(0, 120, (48, 64, 3), np.uint8)
    for frame in range(frames):
        truth = ground.copy()
        truth[10:20, 4 * frame : 4 * frame + 10] = (250, 200, 30)
        for number, method in enumerate(methods, start=1):
            thumbnails.write_copies(
                folder, method, frame, truth, truth // (1 + number), truth[::4, ::4]
            )
    info = run_info(datasets={"d": {"scenes": ["s"]}}, methods={m: {} for m in methods})
    run = folder.parents[2]
    return thumbnails.find_clips(run, info, {("d", "s", method) for method in methods})["d"]["s"]


def made_page(
    tmp_path: Path, methods: Sequence[str], scenes: Sequence[str] = ("s",), **changes: Any
) -> str:
    """report.html of the data set vid4, whose first scene has moving pictures."""
    rows = checked(example_scores(methods, scenes, kinds=("new", "existing")))
    info = example_info(methods, **changes)
    moving = {"vid4": {scenes[0]: made_clips(tmp_path / "clips" / "d" / "s", methods)}}
    return html_page(rows, averages(rows, info), moving, tmp_path)


def embedded(page: str) -> list[Any]:
    found = re.findall(
        r'<script type="application/json" id="[\w-]+">(.*?)</script>', page, re.DOTALL
    )
    return [json.loads(text) for text in found]


def test_nothing_of_a_hostile_run_becomes_markup(tmp_path: Path) -> None:
    failure = dict.fromkeys(("dataset", "scene", "method", "reason"), HOSTILE)
    facts = {
        "failures": [failure],
        "warnings": [HOSTILE],
        "command": f"stvt {HOSTILE}",
        "protocol": {"name": HOSTILE, HOSTILE: HOSTILE},
        "settings": {HOSTILE: HOSTILE},
    }
    page = made_page(tmp_path, [HOSTILE, NASTY], [HOSTILE, "t"], **facts)
    assert "<img src=x" not in page and "<script>alert" not in page
    about, *scenes = embedded(page)
    assert [method["name"] for method in about["methods"]] == [HOSTILE, NASTY]
    assert {scene["scene"] for scene in scenes} == {HOSTILE, "t"}
    assert page.count("<script") == page.count("</script>") == 2 + len(scenes)


def test_the_page_asks_for_nothing_from_outside(tmp_path: Path) -> None:
    page = made_page(tmp_path, ["a"])
    assert "default-src 'none'" in page and "unsafe" not in page
    addresses = set(re.findall(r"https?://[^\"'\s)]+", page))
    assert addresses == {"http://www.w3.org/2000/svg"}  # the name of SVG, not an address to fetch
    assert not re.search(r'\ssrc="(?!data:)', page)


def test_links_of_the_page_lead_to_files(tmp_path: Path) -> None:
    picture = example_picture(tmp_path / "in", ["a"], (48, 64))
    moving = {"vid4": {"s": made_clips(tmp_path / "clips" / "d" / "s", ["a"])}}
    scores, info = example_scores(["a"], ["s"]), example_info(["a"])
    page = write_report(scores, info, {"vid4": {"s": picture}}, tmp_path / "out", moving)
    page = page.with_suffix(".html")
    text = page.read_text()
    links = [link for link in re.findall(r'href="([^"#]+)"', text) if not link.startswith("data:")]
    _, scene = embedded(text)
    assert all((page.parent / link).is_file() for link in [*links, scene["picture"]])


def test_all_views_of_a_scene_have_the_same_frames(tmp_path: Path) -> None:
    _, scene = embedded(made_page(tmp_path, ["a", "b"]))
    assert scene["frames"] == [0, 1, 2, 3, 4, 5]
    assert [view["kind"] for view in scene["views"]] == ["truth", "input", "method", "method"]
    assert all(all(view["images"]) and len(view["images"]) == 6 for view in scene["views"])
    assert all(len(view["errors"]) == 6 for view in scene["views"][2:])


def test_why_a_method_failed_stands_in_the_table_and_with_the_scene(tmp_path: Path) -> None:
    failure = {"dataset": "vid4", "scene": "t", "method": "b", "reason": "out of memory"}
    info = {"failures": [failure], "datasets": {"vid4": {"scenes": ["s", "t"]}}}
    rows = checked(example_scores(["a"], ["s", "t"]))
    facts = example_info(["a", "b"], **info)
    page = html_page(rows, averages(rows, facts), {}, tmp_path)
    summary = page[
        page.index('id="summary"') : page.index("</figure>") if "</figure>" in page else None
    ]
    assert "failed<sup>" in summary and "t: out of memory.</p>" in summary
    assert [scene["failed"] for scene in embedded(page)[1:]] == [[], ["b failed: out of memory."]]


def test_three_hundred_scenes_are_capped_with_a_sentence(tmp_path: Path) -> None:
    scenes = [f"{number:03}" for number in range(300)]
    page = made_page(tmp_path, ["a"], scenes)
    assert "120 of 300 scenes can be chosen here" in page
    assert len(embedded(page)) == 1 + 120
    assert all(f">{scene}<" in page for scene in scenes)


def test_too_many_pictures_cost_frames_first_and_scenes_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = made_clips(tmp_path / "clips" / "d" / "s", ["a"], frames=10)
    moving = {"d": {str(number): scene for number in range(4)}}
    shown = [("d", str(number)) for number in range(4)]
    size = sum(scene_data._cost(scene).values())
    whole, words = scene_data.frames_shown(shown, moving)
    assert [len(frames) for frames in whole.values()] == [10] * 4 and not words
    monkeypatch.setattr(scene_data, "BUDGET", 3.4 * size)
    fewer, words = scene_data.frames_shown(shown, moving)
    assert {len(frames) for frames in fewer.values()} == {8}
    assert fewer["d", "0"] == [1, 2, 3, 4, 5, 6, 7, 8] and "At most 8 frames" in words
    monkeypatch.setattr(scene_data, "BUDGET", 1.4 * size)
    least, words = scene_data.frames_shown(shown, moving)
    assert len(least) == 2 and "2 more scenes would make this page too large" in words


def test_copies_are_the_same_twice_small_and_of_the_middle(tmp_path: Path) -> None:
    large = np.random.default_rng(0).integers(0, 256, (300, 1024, 3), np.uint8)
    for folder in (tmp_path / "one", tmp_path / "two"):
        thumbnails.write_copies(folder, "a/b", 3, large, large, large[::4, ::4])
    files = sorted(
        file.relative_to(tmp_path / "one") for file in tmp_path.glob("one/**/*.*") if file.is_file()
    )
    assert len(files) == 4
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    with Image.open(tmp_path / "one" / "truth" / "00000003.jpg") as image:
        assert image.size == (512, 150)
    with Image.open(tmp_path / "one" / "input" / "00000003.webp") as image:
        np.testing.assert_array_equal(np.asarray(image), large[::4, ::4])
    kept = thumbnails.middle_positions([Position(n, n, 0.0) for n in range(101)])
    assert len(kept) == thumbnails.FRAMES and Position(50, 50, 0.0) in kept
    thumbnails.remove_copies(tmp_path / "one", "a/b")
    assert not list((tmp_path / "one").glob("*/a-b-*"))


# ---- in a browser

FLAGS = (
    *("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-sync"),
    *("disable-background-networking", "disable-component-update", "window-size=1200,900"),
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A real headless Chromium without a past; its driver's console is emptied by reading it."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("no Chromium here: apt-get install chromium chromium-driver")
    webdriver = pytest.importorskip("selenium.webdriver", reason="no selenium: pip install it")
    options = webdriver.ChromeOptions()
    for flag in (*FLAGS, f"user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(f"--{flag}")
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(driver)
    opened = webdriver.Chrome(options=options, service=service)
    yield opened
    opened.quit()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of three methods and two scenes."""
    folder = tmp_path_factory.mktemp("report")
    text = made_page(folder, ["first", HOSTILE, NASTY], ["s", "t"])
    (folder / "report.html").write_text(text, encoding="utf-8")
    return folder / "report.html"


@pytest.fixture
def page(browser: Any, file: Path) -> Iterator[Any]:
    """The report, open; no console message may come of what is done with it."""
    browser.get_log("browser")
    browser.get("about:blank")
    browser.get(file.as_uri())
    wait(browser, "return views.length && !views.some(v => v.cache.images.includes(null))")
    yield browser
    assert browser.get_log("browser") == []


def wait(browser: Any, condition: str) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, 10, 0.05).until(lambda b: b.execute_script(condition))


def by_id(page: Any, id: str) -> Any:
    return page.find_element("id", id)


def click(page: Any, selector: str) -> None:
    """Clicks in the middle of the window, where no bar that sticks to its edge lies above."""
    element = page.find_element("css selector", selector)
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    element.click()


def press(page: Any, *keys: str) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(page).send_keys(*keys).perform()


def pixels(page: Any, canvas: str) -> str:
    """What a canvas shows, once it is drawn."""
    script = f"drawNow(); return {canvas}.toDataURL()"
    return str(page.execute_script(script))


@pytest.mark.slow
def test_the_player_steps_plays_and_loops(page: Any) -> None:
    assert "frame 3, new (4/6)" in by_id(page, "now").text
    before = pixels(page, "views[0].canvas"), pixels(page, "views[3].canvas")
    click(page, "#on")
    wait(page, "return document.getElementById('now').textContent.includes('frame 4, existing')")
    after = pixels(page, "views[0].canvas"), pixels(page, "views[3].canvas")
    assert before[0] != after[0] and before[1] != after[1]
    press(page, "\ue012")  # the left arrow
    wait(page, "return state.at === 3")
    assert pixels(page, "views[0].canvas") == before[0]
    page.execute_script("step(1); step(1); step(1)")
    assert page.execute_script("return state.at") == 0
    page.execute_script("setSpeed(60)")
    click(page, "#play")
    wait(page, "return state.at > 2")
    click(page, "#play")
    assert page.execute_script("return state.playing") is False


@pytest.mark.slow
def test_the_slider_moves_under_the_pointer_and_the_keyboard(page: Any) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    click(page, "[data-mode=compare]")
    stage = by_id(page, "stage")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", stage)
    half = pixels(page, "document.getElementById('stage')")
    quarter = -stage.size["width"] // 4
    actions = ActionChains(page).move_to_element(stage).click_and_hold()
    actions.move_by_offset(quarter, 0).release().perform()
    assert page.execute_script("return state.split") == pytest.approx(0.25, abs=0.02)
    moved = pixels(page, "document.getElementById('stage')")
    assert moved != half
    by_id(page, "split").send_keys("\ue010")  # the End key
    wait(page, "return state.split === 1")
    assert pixels(page, "document.getElementById('stage')") != moved


LEFT = "return nameOf(views[$('left').value])"
# The scene opened once more, without the first of its methods, as if that had failed there.
WITHOUT_FIRST = """
const text = $("scene-data-0"), scene = JSON.parse(text.textContent);
scene.views.splice(2, 1);
text.textContent = JSON.stringify(scene);
open(0);
"""


@pytest.mark.slow
def test_the_methods_that_are_compared_stay_where_a_scene_lacks_one(page: Any) -> None:
    page.execute_script("$('left').value = 3; draw()")
    before = page.execute_script(LEFT)
    assert before == HOSTILE
    assert page.execute_script(WITHOUT_FIRST + LEFT) == before


@pytest.mark.slow
def test_columns_sort_both_ways_by_value(page: Any) -> None:
    def order() -> list[str]:
        rows = page.find_elements("css selector", "#summary tbody th")
        return [row.text for row in rows]

    heads = page.find_elements("css selector", "#summary thead button")
    assert order() == ["first", HOSTILE, NASTY]
    heads[1].click()  # PSNR: made to rise from method to method
    assert order() == [NASTY, HOSTILE, "first"]
    heads[1].click()
    assert order() == ["first", HOSTILE, NASTY]
    heads[3].click()  # parameters, in words on the page: 0, 1, 10.0 M, 20.0 M
    assert order() == ["first", HOSTILE, NASTY]
    heads[0].click()
    assert page.find_element("css selector", "#summary th[aria-sort]").text == "method"


@pytest.mark.slow
def test_a_click_on_the_curves_seeks_the_player(page: Any) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    drawing = page.find_element("css selector", "#curves svg")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", drawing)
    right = drawing.size["width"] // 2 - 15
    ActionChains(page).move_to_element_with_offset(drawing, right, 0).click().perform()
    wait(page, "return state.at === 5")
    wait(page, "return document.getElementById('reading').textContent.startsWith('frame 5')")


@pytest.mark.slow
def test_zooming_one_view_zooms_all(page: Any) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    before = [pixels(page, f"views[{n}].canvas") for n in range(5)]
    canvas = page.find_element("css selector", "#views canvas")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", canvas)
    ActionChains(page).double_click(canvas).perform()
    wait(page, "return state.zoom === 4")
    after = [pixels(page, f"views[{n}].canvas") for n in range(5)]
    assert all(a != b for a, b in zip(before, after, strict=True))
    press(page, "0")
    wait(page, "return state.zoom === 1")


@pytest.mark.slow
def test_error_maps_and_slices_are_drawn(page: Any) -> None:
    plain = pixels(page, "views[2].canvas")
    click(page, "[data-mode=errors]")
    wait(page, "return Boolean(views[2].cache.errors[state.at])")
    assert pixels(page, "views[2].canvas") != plain
    click(page, "[data-mode=slices]")
    slice = pixels(page, "views[0].strip")
    page.execute_script("setRow(0.3)")  # through the square
    assert pixels(page, "views[0].strip") != slice


@pytest.mark.slow
def test_scenes_change_and_one_without_pictures_still_has_curves(page: Any) -> None:
    press(page, "]")
    wait(page, "return state.scene.scene === 't'")
    assert not by_id(page, "moving").is_displayed()
    assert page.find_elements("css selector", "#curves svg path")
    click(page, "a[data-scene='vid4: s']")
    wait(page, "return state.scene.scene === 's'")
    assert by_id(page, "moving").is_displayed()


@pytest.mark.slow
def test_a_key_flips_between_the_whole_of_two_methods_in_place(page: Any) -> None:
    stage = "document.getElementById('stage')"
    press(page, "f")
    first = pixels(page, stage)
    assert by_id(page, "seen").text == "shown: first" and not by_id(page, "handle").is_displayed()
    press(page, "f")
    assert pixels(page, stage) != first and by_id(page, "seen").text == f"shown: {HOSTILE}"
    press(page, "f")
    assert pixels(page, stage) == first


@pytest.mark.slow
def test_methods_hide_and_come_back(page: Any) -> None:
    def seen() -> tuple[int, int, int]:
        views = page.find_elements("css selector", "#views .view")
        curves = page.find_elements("css selector", "#curves path[stroke]")
        readings = page.find_elements("css selector", "#reading .swatch")
        return sum(view.is_displayed() for view in views), len(curves), len(readings)

    assert seen() == (5, 3, 3)
    click(page, "#legend button")
    assert seen() == (4, 2, 2)
    press(page, "2")
    press(page, "3")
    assert seen() == (2, 0, 0)
    press(page, "]", "[")
    assert seen() == (2, 0, 0)
    press(page, "1")
    assert seen() == (3, 1, 1)


@pytest.mark.slow
def test_buttons_and_keys_enlarge_and_move(page: Any) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    click(page, "#larger")
    press(page, "+")
    wait(page, "return state.zoom === 4")
    ActionChains(page).key_down("\ue008").send_keys("\ue014").key_up("\ue008").perform()
    assert page.execute_script("return state.x") > 0.5
    page.execute_script("document.activeElement.blur()")
    press(page, "-")
    click(page, "#smaller")
    wait(page, "return state.zoom === 1 && state.x === 0.5")
    press(page, ">")
    assert page.execute_script("return state.fps") == 15


@pytest.mark.slow
def test_a_link_opens_the_same_scene_frame_and_view_again(page: Any) -> None:
    page.execute_script("seek(1); setMode('compare'); setSplit(0.25); zoomAt(4, 0.2, 0.3)")
    page.execute_script("$('left').value = 1; $('right').value = 4; toggle(1); showMetric(1)")
    wait(page, "return location.hash.includes('metric=SSIM')")
    link = by_id(page, "link").get_attribute("href")
    look = "return [state.at, state.mode, state.split, state.zoom, state.x, state.y, "
    look += "$('left').value, $('right').value, [...state.hidden], $('metric').value]"
    before = page.execute_script(look)
    page.get("about:blank")
    page.get(link)
    assert page.execute_script(look) == before
    page.execute_script("location.hash = '#scene=vid4%3A t&frame=none&zoom=x&view=nothing'")
    wait(page, "return state.scene.scene === 't'")
    page.execute_script("location.hash = '#scene=nowhere'")
    assert page.execute_script("return state.scene.scene") == "t"


@pytest.mark.slow
@pytest.mark.parametrize("width", [320, 640, 1920])
def test_the_page_fits_any_width_in_any_view(page: Any, width: int) -> None:
    screen = {"width": width, "height": 740, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    try:
        for mode in ("frames", "errors", "compare", "slices"):
            page.execute_script(f"setMode('{mode}')")
            assert page.execute_script("return document.documentElement.scrollWidth") <= width, mode
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.slow
def test_print_is_light_and_keeps_the_colours_of_the_legend(page: Any) -> None:
    page.execute_script("document.documentElement.dataset.theme = 'dark'")
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        style = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]"
        assert page.execute_script(style, "body", "backgroundColor") == "rgb(255, 255, 255)"
        assert page.execute_script(style, "#legend .swatch", "printColorAdjust") == "exact"
        assert by_id(page, "legend").is_displayed() and not by_id(page, "zooming").is_displayed()
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_fits_a_phone_in_both_themes(page: Any, theme: str) -> None:
    media = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    screen = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    try:
        page.refresh()
        assert page.execute_script("return document.documentElement.dataset.theme") == theme
        assert page.execute_script("return document.documentElement.scrollWidth") <= 360
        click(page, "#theme")
        assert page.execute_script("return document.documentElement.dataset.theme") != theme
        page.execute_script("localStorage.clear()")
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.mark.slow
def test_odd_runs_open_without_a_console_message(browser: Any, tmp_path: Path) -> None:
    identical = example_scores(["a", "b"], ["s"], frames=1)
    identical.loc[identical["method"] == "b", "value"] = float("inf")
    unscored = example_scores(["a"], ["s"]).assign(value=float("nan"))
    random = example_scores(["a"], ["s"], untrained=["a"])
    for scores in (identical, unscored, random, example_scores([], [])):
        rows = checked(scores)
        info = run_info(methods={"a": {"weights": ""}})
        text = html_page(rows, averages(rows, info), {}, tmp_path)
        (tmp_path / "odd.html").write_text(text, encoding="utf-8")
        browser.get_log("browser")
        browser.get((tmp_path / "odd.html").as_uri())
        assert browser.get_log("browser") == []
        assert browser.find_elements("css selector", "#summary")


def test_scenes_of_two_sets_have_two_pictures_though_their_names_run_together() -> None:
    assert scene_data.scene_file("a", "b-c") != scene_data.scene_file("a-b", "c")
