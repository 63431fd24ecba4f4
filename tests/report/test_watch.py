"""`phasegrok watch`: the page of a running sweep, for this machine alone, in the reader's view."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from phasegrok import InputError, cells
from phasegrok.report import Watched, serve
from phasegrok.store import Store
from tests.report.conftest import Open, until
from tests.report.stores import BUDGET, invented, planned, write_part
from tests.report.test_page import cell_box


@contextmanager
def served(store: Store) -> Iterator[int]:
    """The port at which a store is served, with pauses a hundred times shorter."""
    with serve(store, clock=lambda: 100 * time.monotonic()) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def answer(port: int, path: str, host: str | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers={"Host": host or f"127.0.0.1:{port}"})
    response = connection.getresponse()
    return response.status, response.read()


def other(port: int, path: str, than: tuple[int, bytes]) -> tuple[int, bytes]:
    """The first answer that is another, when the pause between two readings is over."""
    for _ in range(600):
        if (found := answer(port, path)) != than:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{path} stays {than}")


def test_the_view_stays_while_parts_land(opened: Open, tmp_path: Path) -> None:
    store = invented(tmp_path / "store", runs=slice(0, 12))
    runs = cells.runs(store.config())
    with served(Store(store.path, own=False)) as port, opened(f"http://127.0.0.1:{port}/") as page:
        before = page.evaluate("phasegrok.page.data.runs")
        page.select_option("#map-kind", "val")
        page.locator("#rule-val").press("ArrowLeft")
        page.locator("#map").press("ArrowRight")
        page.locator("#map").press("Enter")
        state = page.evaluate("phasegrok.page.state")
        write_part(store, "part-1", runs[12:])
        until(page, "runs => phasegrok.page.data.runs > runs", before)
        assert page.evaluate("phasegrok.page.state") == state
        assert page.evaluate("phasegrok.page.data.runs") == 34
        assert "34 of 36" in page.locator("#standing").inner_text()
        assert page.locator("#map-kind").input_value() == "val"
        assert page.locator("#cell table").is_visible()


def test_what_is_typed_pointed_at_or_chosen_meanwhile_is_not_lost(
    opened: Open, tmp_path: Path
) -> None:
    store = invented(tmp_path / "store", runs=slice(0, 12))
    runs = cells.runs(store.config())
    with served(Store(store.path, own=False)) as port, opened(f"http://127.0.0.1:{port}/") as page:
        before = page.evaluate("phasegrok.page.data.runs")
        page.mouse.move(**cell_box(page, 3, 2))
        assert "no run here yet" in page.locator("#tip").inner_text()
        page.locator("#rule-val-exact").focus()
        page.keyboard.press("End")
        page.keyboard.type("12")
        page.evaluate("""() => { const own = unpacked;
            window.unpacked = async (payload) => {
                const data = await own(payload);
                set({ map: 'entropy' });
                return data; }; }""")
        write_part(store, "part-1", runs[12:])
        until(page, "runs => phasegrok.page.data.runs > runs", before)
        assert page.locator("#rule-val-exact").input_value() == "0.912"
        assert page.evaluate("document.activeElement.id") == "rule-val-exact"
        assert page.evaluate("phasegrok.page.state.map") == "entropy"
        assert page.locator("#tip").is_visible()
        assert "no run here yet" not in page.locator("#tip").inner_text()


def test_what_is_typed_survives_the_first_run(opened: Open, tmp_path: Path) -> None:
    store = invented(tmp_path / "store", runs=slice(0, 0))
    with served(Store(store.path, own=False)) as port, opened(f"http://127.0.0.1:{port}/") as page:
        assert not page.locator("option[value=weight_norm]").count()
        page.locator("#rule-val-exact").fill("0.8")
        write_part(store, "part-1", cells.runs(store.config()))
        until(page, "phasegrok.page.data.runs > 0")
        assert page.locator("option[value=weight_norm]").count()
        assert page.locator("#rule-val-exact").input_value() == "0.8"
        page.locator("#rule-val-exact").blur()
        assert page.evaluate("phasegrok.page.state.rule.val") == 0.8


def test_a_failed_run_that_was_tried_again_is_told_in_the_open_panel(
    opened: Open, tmp_path: Path
) -> None:
    store = invented(tmp_path / "store", runs=slice(0, 0))
    run = cells.runs(store.config())[0]
    store.write_part("part-1", [planned(run, status="failed")], store.config())
    with served(Store(store.path, own=False)) as port, opened(f"http://127.0.0.1:{port}/") as page:
        page.mouse.click(**cell_box(page, 0, 0))
        assert "failed" in page.locator("#cell table").inner_text()
        again = planned(run, status="finished", steps=BUDGET)
        store.write_part("part-2", [again], store.config())
        until(page, "document.querySelector('#cell table').innerText.includes('confusion')")
        assert "failed" not in page.locator("#cell table").inner_text()


def test_a_sweep_of_which_nothing_has_ended_is_shown_empty(opened: Open, tmp_path: Path) -> None:
    store = invented(tmp_path / "store", runs=slice(0, 0))
    with served(store) as port, opened(f"http://127.0.0.1:{port}/") as page:
        assert "0 of 36 planned runs" in page.locator("#standing").inner_text()
        assert "missing 12" in page.locator("#legend").inner_text()
        for kind in page.locator("#map-kind option").all():
            page.select_option("#map-kind", kind.get_attribute("value"))


def test_what_cannot_be_read_is_said_with_its_reason(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    store = invented(tmp_path / "store", runs=slice(0, 12))
    with served(Store(store.path, own=False)) as port:
        before, sweep = answer(port, "/data"), store.sweep_file.read_text()
        store.sweep_file.write_text(sweep.replace("name: wd_vs_frac", "title: none"))
        assert other(port, "/data", before) == (500, b"KeyError: 'name'")
        assert "KeyError: 'name'" in capfd.readouterr().err
        store.sweep_file.unlink()
        status, said = answer(port, "/data")
        assert status == 500 and b"is not a sweep's directory" in said
        assert not capfd.readouterr().err


def test_a_browser_that_goes_away_is_no_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with served(invented(tmp_path / "store")) as port:
        leaving = socket.create_connection(("127.0.0.1", port))
        leaving.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        leaving.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        leaving.close()
        assert answer(port, "/version")[0] == 200
    assert not capfd.readouterr().err


def test_the_page_says_what_is_wrong_with_the_server_and_goes_on(
    opened: Open, tmp_path: Path
) -> None:
    store = invented(tmp_path / "store", runs=slice(0, 12))
    sweep = store.sweep_file.read_text()
    expected = r"status of 500|Error: hurt"
    with served(Store(store.path, own=False)) as port:
        address = f"http://127.0.0.1:{port}/"
        with opened(address, expected=expected) as page:
            said = "text => document.querySelector('#standing').innerText.includes(text)"
            store.sweep_file.unlink()
            until(page, said, "is not a sweep's directory")
            page.evaluate("() => { const own = render; window.render = () => { "
                          "window.render = own; throw new Error('hurt'); }; }")  # fmt: skip
            store.sweep_file.write_text(sweep)
            until(page, "!phasegrok.page.lost")
            assert not page.evaluate(said, "does not answer")


def test_it_answers_nobody_who_came_by_another_name(tmp_path: Path) -> None:
    with served(invented(tmp_path / "store")) as port:
        assert answer(port, "/")[0] == 200
        assert answer(port, "/", host=f"localhost:{port}")[0] == 200
        for host in ("example.org", f"example.org:{port}", f"127.0.0.1.example.org:{port}"):
            assert answer(port, "/data", host=host)[0] == 403
        assert answer(port, "/../sweep.yaml")[0] == 404


def test_it_is_reached_on_loopback_alone(tmp_path: Path) -> None:
    with serve(invented(tmp_path / "store")) as server:
        assert server.server_address[0] == "127.0.0.1"


def test_files_and_versions_follow_the_directory(tmp_path: Path) -> None:
    store = invented(tmp_path / "store", runs=slice(0, 12))
    with served(Store(store.path, own=False)) as port:
        before = answer(port, "/version")
        version = json.loads(before[1])["version"]
        assert json.loads(answer(port, "/data")[1])["version"] == version
        rows = answer(port, "/runs.csv")[1].count(b"\n")
        write_part(store, "part-1", cells.runs(store.config())[12:])
        other(port, "/version", before)
        assert answer(port, "/runs.csv")[1].count(b"\n") > rows
        assert answer(port, "/runs.parquet")[1][:4] == b"PAR1"


def test_parts_that_land_one_after_another_are_read_together(tmp_path: Path) -> None:
    store = invented(tmp_path / "store", runs=slice(0, 12))
    runs, ticks = cells.runs(store.config()), [0.0]

    def clock() -> float:
        ticks[0] += 1  # each look at it is a second later: a reading takes one
        return ticks[0]

    watched = Watched(Store(store.path, own=False), clock)
    first = watched.told()
    write_part(store, "part-1", runs[12:24])
    assert watched.told() is first and watched.version() == first["version"]
    write_part(store, "part-2", runs[24:])
    ticks[0] = 9
    assert watched.told() is first, "ten times what the reading took have not passed"
    ticks[0] = 20
    assert watched.version() != first["version"]
    assert watched.told()["runs"] == 34


def test_a_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    store = invented(tmp_path / "store")
    with serve(store) as server, pytest.raises(InputError, match="cannot be had"):
        serve(store, server.server_address[1])


def test_the_command_says_where_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    store = invented(tmp_path / "store")
    command = [sys.executable, "-m", "phasegrok", "watch", str(store.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as it:
        assert it.stdout is not None and it.stderr is not None
        address = it.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        assert answer(int(address.rstrip("/").rpartition(":")[2]), "/version")[0] == 200
        it.send_signal(signal.SIGINT)
        assert it.wait(timeout=60) == 130
        assert "Traceback" not in it.stderr.read()
