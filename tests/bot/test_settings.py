import pytest

from bot.assembly import check_names, engine_settings
from bot.settings import load_settings
from joyvl_core.errors import BadInputError

HIDDEN = "s3cr3t-0123456789"


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    """Nothing is configured but what the test configures."""
    monkeypatch.chdir(tmp_path)
    for name in ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET", "LIVEKIT_TOKEN", "JOYVL_NAME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_a_flag_beats_the_environment_beats_the_local_file_beats_the_toml_beats_the_default(empty_folder, monkeypatch):
    assert load_settings().name == "JoyVL (AI)"
    (empty_folder / "joyvl.toml").write_text('name = "toml"\nlivekit_url = "ws://toml"\n')
    assert (load_settings().name, load_settings().livekit_url) == ("toml", "ws://toml")
    (empty_folder / ".env.local").write_text("JOYVL_NAME=local\nLIVEKIT_URL=ws://local\nOTHER=1\n")
    assert (load_settings().name, load_settings().livekit_url) == ("local", "ws://local")
    monkeypatch.setenv("JOYVL_NAME", "environment")
    monkeypatch.setenv("LIVEKIT_URL", "ws://environment")
    assert (load_settings().name, load_settings().livekit_url) == ("environment", "ws://environment")
    flags = load_settings(name="flag", livekit_url="ws://flag", model=None)
    assert (flags.name, flags.livekit_url, flags.model) == ("flag", "ws://flag", "embedded")


def test_an_empty_variable_counts_as_not_set(monkeypatch):
    monkeypatch.setenv("JOYVL_INTERVAL", "")
    monkeypatch.setenv("LIVEKIT_URL", "")
    assert load_settings().interval == 1.0
    assert load_settings().livekit_url.startswith("ws://")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("JOYVL_INTERVAL", "soon"),
        ("JOYVL_LANGUAGE", "tlh"),
        ("JOYVL_PER_MINUTE", "-1"),
        ("JOYVL_QUIET_HOURS", "late"),
        ("JOYVL_THRESHOLD", "nan"),
    ],
)
def test_a_value_that_is_not_acceptable_names_its_variable(variable, value, monkeypatch):
    monkeypatch.setenv(variable, value)
    with pytest.raises(BadInputError) as refused:
        load_settings()
    assert variable in refused.value.hint
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("content", [b"name = ", b"\xff\xfe", b"[name"])
@pytest.mark.parametrize("name", ["joyvl.toml"])
def test_a_file_that_cannot_be_read_says_so(content, name, empty_folder):
    (empty_folder / name).write_bytes(content)
    with pytest.raises(BadInputError, match=name):
        load_settings()


def test_secrets_are_in_no_representation_and_no_error(monkeypatch):
    monkeypatch.setenv("LIVEKIT_API_SECRET", HIDDEN)
    monkeypatch.setenv("LIVEKIT_TOKEN", HIDDEN)
    settings = load_settings()
    assert settings.livekit_api_secret.get_secret_value() == HIDDEN
    assert HIDDEN not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    monkeypatch.setenv("JOYVL_INTERVAL", HIDDEN)
    with pytest.raises(BadInputError) as refused:
        load_settings()
    assert HIDDEN not in f"{refused.value} {refused.value.hint}"


@pytest.mark.parametrize(("text", "hours"), [("", None), ("22-7", (22, 7)), ("0-24", (0, 24))])
def test_quiet_hours_reach_the_gates(text, hours):
    assert engine_settings(load_settings(quiet_hours=text)).gates.quiet_hours == hours


@pytest.mark.parametrize(
    "flags",
    [
        {"model": "gpt-99"},
        {"voice": "caruso"},
        {"voice_activity": "x"},
        {"delegate": "nobody"},
        {"delegate": "scripted"},
    ],
)
def test_a_part_that_is_not_known_is_refused_before_anything_starts(flags):
    check_names(load_settings())
    check_names(load_settings(voice="none"))
    with pytest.raises(BadInputError) as refused:
        check_names(load_settings(**flags))
    assert refused.value.hint
