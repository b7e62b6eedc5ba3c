from types import SimpleNamespace

import pytest

from semtune.io import read_jsonl
from semtune.train.monitor import training_log
from semtune.train.monitor.training_log import RemainingTime, progress_line
from semtune.train.monitor.training_monitor import TrainingMonitor


class Listener:
    """A progress that remembers what it was told."""

    def __init__(self):
        self.said, self.shown = [], []

    def say(self, message):
        self.said.append(message)

    def status(self, message):
        self.shown.append(message)


def state(values, steps=100):
    """A Trainer's state with a loss and a dev metric every ten steps."""
    history = []
    for n, value in enumerate(values):
        if n:
            history.append({"step": 10 * n, "epoch": n / 10, "loss": 1 / n})
        history.append({"step": 10 * n, "epoch": n / 10, "eval_loss": 1.0, "eval_ndcg@10": value, "eval_error": 0.01})
    step = 10 * (len(values) - 1)
    return SimpleNamespace(log_history=history, global_step=step, max_steps=steps, is_world_process_zero=True)


def evaluated(monitor, values):
    control = SimpleNamespace(should_training_stop=False)
    monitor.on_evaluate(None, state(values), control)
    return control.should_training_stop


def test_it_stops_when_the_metric_brings_nothing_and_says_so_once(tmp_path):
    listener = Listener()
    monitor = TrainingMonitor(tmp_path, "ndcg@10", lambda _n: None, listener, patience=2)
    monitor.on_train_begin(None, state([]), None)
    values = [0.5, 0.6, 0.6, 0.55]
    assert [evaluated(monitor, values[:n]) for n in (1, 2, 3, 4)] == [False, False, False, True]
    assert evaluated(monitor, values)
    assert sum(line.startswith("doctor: stopped early: at step 30 of 100") for line in listener.said) == 1
    assert listener.said[1].startswith("step 10 of 100: loss 1.0000, dev ndcg@10 0.6000 (+0.1000)")


def test_without_patience_it_does_not_stop(tmp_path):
    assert not evaluated(TrainingMonitor(tmp_path, "ndcg@10", lambda _n: None), [0.5] * 9)


def test_a_resumed_training_repeats_the_stop_but_not_the_words(tmp_path):
    listener = Listener()
    monitor = TrainingMonitor(tmp_path, "ndcg@10", lambda _n: None, listener, patience=2)
    monitor.on_train_begin(None, state([0.5, 0.6, 0.6, 0.55]), None)
    assert evaluated(monitor, [0.5, 0.6, 0.6, 0.55])
    assert [line for line in listener.said if line.startswith("doctor")] == []


def test_the_log_and_the_bar_tell_loss_and_metric(tmp_path):
    listener = Listener()
    monitor = TrainingMonitor(tmp_path, "ndcg@10", lambda _n: None, listener)
    monitor.on_log(None, state([0.5, 0.6]), None)
    rows = list(read_jsonl(tmp_path / "log.jsonl"))
    assert rows[-1] == {"step": 10, "epoch": 0.1, "dev_loss": 1.0, "dev_error": 0.01, "dev_ndcg@10": 0.6}
    assert listener.shown == [progress_line(rows, "ndcg@10")] == ["loss 1.0000, dev ndcg@10 0.6000 (+0.1000)"]


@pytest.mark.parametrize(
    ("step", "said"), [(10, ""), (20, ", 80 s left"), (15, ", 3 min left"), (100, "")]
)  # fmt: skip
def test_the_time_left_is_that_of_the_steps_done_since_the_start_or_the_resume(monkeypatch, step, said):
    now = iter([1000.0, 1010.0])
    # The module's name, not the function of `time`, which threads of other tests call as well.
    monkeypatch.setattr(training_log, "time", SimpleNamespace(monotonic=lambda: next(now)))
    assert RemainingTime(10).left(step, 100) == said
