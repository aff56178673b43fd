from __future__ import annotations

from pathlib import Path

import pytest

from demo.settings import DemoSettings, demo_settings
from resources.errors import SettingInvalid


@pytest.fixture(autouse=True)
def local(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PRODUCT360_ENV", "local")
    monkeypatch.setenv("PRODUCT360_HOME", str(tmp_path))
    monkeypatch.delenv("SCALE", raising=False)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)


def test_without_a_word_it_is_the_demo_scale(tmp_path: Path) -> None:
    assert demo_settings() == DemoSettings(
        scale="demo", home=tmp_path, dagster_home=tmp_path / "dagster"
    )


def test_dagster_may_live_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "elsewhere"))
    assert demo_settings().dagster_home == tmp_path / "elsewhere"


def test_an_unknown_scale_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCALE", "huge")
    with pytest.raises(SettingInvalid, match="smoke or demo or full"):
        demo_settings()


def test_the_company_lives_on_this_machine_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRODUCT360_ENV", "aws")
    with pytest.raises(SettingInvalid, match="on this machine"):
        demo_settings()
