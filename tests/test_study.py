"""Studies as data: those that are shipped, and those that a user writes."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path

import pytest

from edgequant.core.errors import BadOption, UnknownName
from edgequant.study.networks.sources import build_model
from edgequant.study.record import MEASURED
from edgequant.study.running.checks import check_names, check_networks, needs_images, recipes_of, targets_of
from edgequant.study.study import (
    Calibration,
    Criterion,
    NetworkSpec,
    Study,
    check,
    from_table,
    load_study,
    shipped,
    to_toml,
)
from edgequant.train.settings import TrainSettings

SHIPPED = shipped()
MINIMAL = '[[network]]\nmodel = "micro_cnn"\ndata = "digits"\n'


def written(tmp_path: Path, text: str, name: str = "mine.toml") -> str:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return str(tmp_path / name)


def test_the_default_study_is_shipped_and_every_file_is_listed() -> None:
    files = [entry.name for entry in resources.files("edgequant.studies").iterdir() if entry.name.endswith(".toml")]
    assert "digits" in SHIPPED and sorted(f"{name}.toml" for name in SHIPPED) == sorted(files)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_study_names_only_what_the_catalog_has(name: str) -> None:
    study = load_study(name)
    check_names(study)
    check_networks(study)
    assert study.name == name and study.title, "a shipped study has a title: `edgequant list studies` shows it"


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_study_reads_back_as_it_was_resolved(name: str, tmp_path: Path) -> None:
    study = load_study(name)
    assert load_study(written(tmp_path, to_toml(study))) == study


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_study_has_weights_and_criteria_that_can_be_met(name: str) -> None:
    study = load_study(name)
    own = [getattr(build_model(spec.model), "has_weights", False) for spec in study.network]
    given = [spec.train or spec.weights for spec in study.network]
    assert all(a or b for a, b in zip(given, own)), "nobody trains it, and it has no weights"
    assert study.criteria and all(c.name and c.metric.partition(".")[0] in MEASURED for c in study.criteria)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_study_says_what_it_is_in_a_comment(name: str) -> None:
    text = (resources.files("edgequant.studies") / f"{name}.toml").read_text(encoding="utf-8")
    assert text.startswith("# ")


def test_a_study_from_a_path_is_called_as_its_file(tmp_path: Path) -> None:
    study = load_study(written(tmp_path, MINIMAL, "my study.toml"))
    assert study == Study(name="my study", network=(NetworkSpec("micro_cnn", "digits"),))
    assert study.recipes == ("float32", "w8a8") and study.calibration == (Calibration(),)


def test_everything_reads_back_as_it_was_written(tmp_path: Path) -> None:
    hard = 'a "quoted" \\ back\\slash\nnew line\ttab \x7f \x01 ü 🦙'
    study = Study(
        name=hard,
        title=hard,
        seed=3,
        recipes=("float32", "w4a8+adaround:iterations=10"),
        targets=("litert:delegate=false",),
        calibration=(Calibration("percentile:q=99.9", 100, 1), Calibration("mse", 200)),
        network=(
            NetworkSpec("micro_cnn", "digits", "one", train=TrainSettings(lr=1e-05, resolutions=((0, 4), (2, 8)))),
            NetworkSpec("resnet8", "cifar10", weights="/a/b.safetensors", recipes=("w8",), targets=("litert",)),
        ),
        criteria=(Criterion(hard, "*-w8a8", "parity.exact_fraction", at_most=float("inf"), at_least=0.5),),
        max_drop=0.25,
        quick=5,
        allow_few=True,
    )
    assert load_study(written(tmp_path, to_toml(study))) == study


@pytest.mark.parametrize(
    ("override", "field", "value"),
    [
        ("seed=7", "seed", 7),
        ("max_drop=2", "max_drop", 2.0),
        ("title=a plain text", "title", "a plain text"),
        ('title="quoted"', "title", "quoted"),
        ("recipes=w8", "recipes", ("w8",)),
        ('recipes=["float32", "w4a8"]', "recipes", ("float32", "w4a8")),
        ("allow_few=true", "allow_few", True),
        ("calibration.n=200", "calibration", (Calibration(n=200),)),
        ("network.train.epochs=5", "network", (NetworkSpec("micro_cnn", "digits", train=TrainSettings(epochs=5)),)),
        ("network.0.train.epochs=5", "network", (NetworkSpec("micro_cnn", "digits", train=TrainSettings(epochs=5)),)),
        ("network.0.name=one", "network", (NetworkSpec("micro_cnn", "digits", "one"),)),
        ("network.data=mnist", "network", (NetworkSpec("micro_cnn", "mnist"),)),
        (" seed =7", "seed", 7),
        ("title=with = signs", "title", "with = signs"),
    ],
)
def test_a_value_can_be_set(override: str, field: str, value: object, tmp_path: Path) -> None:
    assert getattr(load_study(written(tmp_path, MINIMAL), (override,)), field) == value


def test_one_of_several_is_set_by_its_number_and_the_last_word_counts(tmp_path: Path) -> None:
    path = written(tmp_path, MINIMAL + MINIMAL)
    study = load_study(path, ("network.1.name=second", "network.1.name=last", "recipes=[]", "recipes=['w8', 'w4']"))
    assert [spec.name for spec in study.network] == ["", "last"] and study.recipes == ("w8", "w4")
    assert load_study(written(tmp_path, 'recipes = ["a", "b"]\n' + MINIMAL), ("recipes.1=w8",)).recipes == ("a", "w8")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed", "--set takes key=value"),
        ("sed=1", "Did you mean 'seed'"),
        ("=1", "No option is named ''"),
        ("seed=one", "Expected int .*seed. Got 'one'"),
        ("seed=1.5", "Expected int"),
        ("seed=true", "Expected int"),
        ("seed=-1", "at least 0"),
        ("quick=-1", "at least 0"),
        ("max_drop=much", "Expected float"),
        ("allow_few=1", "Expected bool"),
        ("recipes=5", "Expected str"),
        ("recipes=[]", "empty recipes"),
        ("targets=[]", "empty targets"),
        ("calibration=[]", "empty calibration"),
        ("calibration=minmax", "must be a table"),
        ("calibration.n=0", "at least 1"),
        ("calibration.seed=-1", "at least 0"),
        ("calibration.size=9", "No option is named 'size'"),
        ("seed.deep=1", "'deep' is looked for inside a value"),
        ("network.model.deep=1", "'deep' is looked for inside a value"),
        ("network.5.name=a", "there is no number 5"),
        ("network.train.epoch=5", "Did you mean 'epochs'"),
        ("network.train.epochs=0", "must be above 0"),
        ("network.train.resolutions=[[1]]", "Expected 2 values"),
        ("network.train.resolutions=5", "Expected 2 values"),
        ("network.data=", "lacks 'model' or 'data'"),
        ("network=[]", "names no network"),
        ("criteria.metric=top1", "asks for nothing"),
        ("name.0=x", "'0' is looked for inside a value"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(override: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(BadOption, match=message):
        load_study(written(tmp_path, 'name = "mine"\nseed = 1\n' + MINIMAL), (override,))


def test_several_need_a_number(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match=r"there are 2 of them; write the number, as in network\.0\.name"):
        load_study(written(tmp_path, MINIMAL + MINIMAL), ("network.name=a",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("recipes = ", "not valid TOML"),
        ("title = 5\n" + MINIMAL, "Expected str for the study .*title. Got 5"),
        ("network = 5", "must be a table"),
        ("speed = 5\n" + MINIMAL, "Did you mean 'seed'"),
        ("[[network]]\nmodel = 'micro_cnn'", "lacks 'model' or 'data'"),
        ("", "names no network"),
        (MINIMAL + "train = 5", "train must be a table"),
        (MINIMAL + "[[criteria]]\nat_least = 'much'", "Expected float"),
        ("calibration = [{ n = 5, method = 3 }]\n" + MINIMAL, "Expected str"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(BadOption, match=message):
        load_study(written(tmp_path, text))


def test_a_study_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="Did you mean 'digits'"):
        load_study("digit")
    with pytest.raises(BadOption, match=r"There is no study file .*one of: .*digits"):
        load_study(str(tmp_path / "absent.toml"))


def test_a_study_made_in_python_is_checked_too() -> None:
    with pytest.raises(BadOption, match="names no network"):
        check(Study(name="empty"))


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"recipes": ("w8a9x",)}, BadOption, "No recipe is named"),
        ({"recipes": ("w4a8+adarond",)}, UnknownName, "Did you mean 'adaround'"),
        ({"targets": ("litret",)}, UnknownName, "Did you mean 'litert'"),
        ({"targets": ("litert:delegat=false",)}, BadOption, "no option 'delegat'"),
        ({"calibration": (Calibration("percentil"),)}, UnknownName, "Did you mean 'percentile'"),
        ({"calibration": (Calibration("percentile:q=much"),)}, BadOption, "Expected float"),
        ({"criteria": (Criterion(metric="top_1", at_least=1.0),)}, BadOption, "Did you mean 'top1'"),
    ],
)
def test_names_are_checked_before_any_work(changed: dict[str, object], error: type[Exception], message: str) -> None:
    study = Study(name="mine", network=(NetworkSpec("micro_cnn", "digits"),), **changed)  # type: ignore[arg-type]
    with pytest.raises(error, match=message):
        check_names(study)


@pytest.mark.parametrize(
    ("model", "data", "message"),
    [("micro_cn", "digits", "Did you mean 'micro_cnn'"), ("micro_cnn", "digit", "Did you mean 'digits'")],
)
def test_networks_are_checked_before_any_work(model: str, data: str, message: str) -> None:
    with pytest.raises(UnknownName, match=message):
        check_networks(Study(name="mine", network=(NetworkSpec(model, data),)))


def test_a_network_may_have_recipes_and_targets_of_its_own_and_always_float32() -> None:
    spec = NetworkSpec("micro_cnn", "digits", recipes=("w8",), targets=("onnxruntime",))
    study = Study(name="mine", recipes=("w4a8", "float32"), network=(spec,))
    assert recipes_of(study, spec) == ("float32", "w8") and targets_of(study, spec) == ("onnxruntime",)
    assert recipes_of(study, NetworkSpec()) == ("w4a8", "float32") and targets_of(study, NetworkSpec()) == ("litert",)


def test_only_static_and_refined_recipes_need_images() -> None:
    assert [needs_images(r) for r in ("float32", "w8", "dynamic-w8", "w8a8", "w8+adaround")] == [False] * 3 + [True] * 2


def test_toml_of_a_study_is_toml() -> None:
    assert tomllib.loads(to_toml(load_study("digits")))["network"][0]["model"] == "micro_cnn"


@pytest.mark.parametrize(("option", "known"), [("input", "uint8, int8"), ("output", "uint8"), ("layout", "nhwc")])
def test_what_a_file_meets_its_app_with_is_checked(option: str, known: str) -> None:
    network = NetworkSpec("micro_cnn", "digits", **{option: "uint9"})
    with pytest.raises(BadOption, match=f"A network's {option} is one of {known}.*Got 'uint9'"):
        check(Study("s", network=(network,)))
    kept = NetworkSpec("micro_cnn", "digits", input="uint8", output="float32", layout="nchw")
    assert check(Study("s", network=(kept,))).network == (kept,)


def test_the_words_of_an_input_contract_are_numbers_lists_or_text() -> None:
    text = "[[network]]\nmodel = 'a'\ndata = 'b'\nsize = 32\nmean = [0.5, 0, 0.3]\nstd = 0.2\nchannels = 'bgr'"
    study = from_table(Study, tomllib.loads(text), "here")
    assert (study.network[0].size, study.network[0].mean, study.network[0].std) == (32, (0.5, 0.0, 0.3), 0.2)
    assert from_table(Study, tomllib.loads(to_toml(study)), "here") == study
    for wrong in ("true", "[0.5, 'half']", "{ a = 1 }"):
        with pytest.raises(BadOption, match="mean"):
            from_table(Study, tomllib.loads(f"[[network]]\nmean = {wrong}"), "here")
