"""What a terminal, or a log, shows while notebooks run."""

import io

from companion.publish import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_bars_name_chapter_and_cell():
    screen = Terminal()
    shown = progress.Progress(2, screen)
    shown.cell("alpha", 3, 10, "The idea")
    shown.cell("beta", 1, 8, "Title of beta")
    shown.cell("alpha", 4, 10, "The experiment")
    shown.tick()
    shown.end("alpha", "ran in 5 s")
    shown.close()
    text = screen.getvalue()
    for part in ("alpha", "4/10", "The experiment", "beta", "1/8", "chapters", "1/2"):
        assert part in text
    assert "alpha: ran in 5 s\n" in text


def test_a_log_gets_a_line_at_the_start_the_end_and_now_and_then(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    log = io.StringIO()
    shown = progress.Progress(1, log)
    for number in range(1, 60):
        shown.cell("alpha", number, 60, "The idea")
        now[0] += 1.0
    shown.end("alpha", "ran in 59 s")
    shown.close()
    lines = log.getvalue().splitlines()
    assert lines[0] == "alpha: cell 1/60  The idea"
    assert lines[-1] == "alpha: ran in 59 s"
    assert [line.split()[2] for line in lines[:-1]] == ["1/60", "21/60", "41/60"]
    assert "\r" not in log.getvalue()
