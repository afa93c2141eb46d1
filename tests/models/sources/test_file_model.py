import sys
import textwrap

import pytest
import torch
from torch import nn

from edgequant.catalog import MODELS
from edgequant.core.errors import BadModel, BadOption
from edgequant.core.image import InputSpec
from edgequant.core.pixels import settled
from edgequant.models.sources.python_file import File

SPEC = InputSpec(3, 8, 8)
HEAD = "from torch import nn\n"


@pytest.fixture
def write(tmp_path):
    def write(text: str, name: str = "net.py") -> str:
        (tmp_path / name).write_text(HEAD + textwrap.dedent(text))
        return str(tmp_path / name)

    return write


@pytest.mark.parametrize(
    "text",
    [
        "def make(): return nn.Linear(4, 7)",
        "def make(classes): return nn.Linear(4, classes)",
        "def make(n): return nn.Linear(4, n)",
        "def make(width=4, num_classes=1000): return nn.Linear(width, num_classes)",
        "class make(nn.Linear):\n    def __init__(self, outputs): super().__init__(4, outputs)",
        "make = lambda: nn.Linear(4, 7)",
    ],
)
def test_the_factory_is_called_as_it_wants(write, text):
    network = File(write(text), "make").build(SPEC, 7)
    assert isinstance(network, nn.Module)
    assert network.weight.shape == (7, 4)


def test_an_option_with_a_default_is_not_taken_for_the_classes(write):
    network = File(write("def make(width=4): return nn.Linear(width, 2)"), "make").build(SPEC, 7)
    assert network.weight.shape == (2, 4)


def test_path_may_hold_the_factory_as_in_a_spec_on_the_command_line(write):
    model = MODELS.build(f"file:{write('def make(): return nn.ReLU()')}:make,size=24,mean=0.1,0.2,0.3,std=1")
    assert isinstance(model.build(SPEC, 1), nn.ReLU)
    assert model.inputs(None) == InputSpec(3, 24, 24, mean=(0.1, 0.2, 0.3), std=(1.0,))


def test_two_files_of_one_name_and_a_changed_file_are_kept_apart(write, tmp_path):
    (tmp_path / "other").mkdir()
    one = File(write("def make(): return nn.Linear(1, 1)"), "make")
    two = File(write("def make(): return nn.Linear(2, 2)", "other/net.py"), "make")
    assert (one.build(SPEC, 1).in_features, two.build(SPEC, 1).in_features) == (1, 2)
    write("def make(): return nn.Linear(3, 3)")
    assert one.build(SPEC, 1).in_features == 3
    assert "net" not in sys.modules


def test_dataclasses_and_files_beside_it_work(write):
    write("CHANNELS = 5", "edgequant_test_beside.py")
    path = write(
        """
        from dataclasses import dataclass
        import edgequant_test_beside
        @dataclass
        class Config:
            channels: "int" = edgequant_test_beside.CHANNELS
        def make(): return nn.Linear(Config().channels, 1)
        """
    )
    before = list(sys.path)
    assert File(path, "make").build(SPEC, 1).in_features == 5
    assert sys.path == before


@pytest.mark.parametrize(
    "text",
    [
        "input_spec = {'channels': 1, 'height': 20, 'width': 30, 'mean': [0.5], 'std': [0.25]}\ndef make(n): ...",
        "class make(nn.Module):\n    input_spec = dict(channels=1, height=20, width=30, mean=(0.5,), std=(0.25,))",
        "def make():\n    n = nn.ReLU()\n    n.input_spec = dict(channels=1, height=20, width=30, mean=(0.5,), "
        "std=(0.25,))\n    return n",
        "from edgequant.core.image import InputSpec\ninput_spec = InputSpec(1, 20, 30, mean=(0.5,), std=(0.25,))\n"
        "def make(n): ...",
    ],
    ids=["file", "class", "network", "record"],
)
def test_input_spec_is_found(write, text):
    assert File(write(text), "make").inputs((3, 64, 64)) == InputSpec(1, 20, 30, mean=(0.5,), std=(0.25,))


def test_looking_at_the_network_leaves_the_seed_alone(write):
    model = File(write("def make(): return nn.Linear(4, 4)"), "make")
    torch.manual_seed(0)
    plain = model.build(SPEC, 1).weight
    torch.manual_seed(0)
    model.inputs((3, 8, 8))
    assert torch.equal(model.build(SPEC, 1).weight, plain)


def test_options_win_over_the_data_and_must_agree_with_the_file(write):
    path = write("def make(n): ...")
    spec = File(path, "make", size="40", channels="1", mean="0.25", std="0.5").inputs((3, 64, 64))
    assert spec == InputSpec(1, 40, 40, mean=(0.25,), std=(0.5,))
    path = write("input_spec = dict(channels=3, height=20, width=20)\ndef make(n): ...")
    assert File(path, "make", mean="0.1:0.2:0.3", std="1").inputs(None).mean == (0.1, 0.2, 0.3)
    with pytest.raises(BadOption, match="itself says size 20 / 20, and 40 / 40 was stated"):
        File(path, "make", size="40").inputs((3, 64, 64))


def test_else_the_data_says_what_it_takes(write):
    path = write("def make(n): ...")
    assert File(path, "make").inputs((1, 28, 28)) == InputSpec(1, 28, 28, mean=(), std=()), (
        "and nothing says mean and std"
    )
    assert File(path, "make", size="48").inputs(None).shape == (3, 48, 48)


def test_whether_the_weights_are_trained_is_said():
    assert File("n.py", "make").has_weights
    assert not File("n.py", "make", pretrained=False).has_weights


def refused(model: File, shape=(3, 8, 8)) -> str:
    with pytest.raises(BadModel) as caught:
        model.build(settled(model.inputs(shape), "net"), 10)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_missing_file_or_name(tmp_path, write):
    assert "There is no file" in refused(File(str(tmp_path / "none.py"), "make"))
    assert "needs the file and a factory" in refused(File())
    assert "needs the file and a factory" in refused(File(str(tmp_path / "net.py")))
    path = write("def built(): ...\nclass Net: ...")
    assert "has no function or class 'make'. It has: built, Net." in refused(File(path, "make"))


def test_faults_in_the_users_code_name_their_line(write):
    assert "net.py, line 3: ZeroDivisionError" in refused(File(write("\n1 / 0"), "make"))
    assert "net.py, line 2: SyntaxError" in refused(File(write("def make(:"), "make"))
    assert "net.py, line 2: ModuleNotFoundError" in refused(File(write("import no_such_module_here"), "make"))
    assert "net.py, line 3: SystemExit" in refused(File(write("def make():\n  raise SystemExit(3)"), "make"))
    # deep in torch, but the line is the user's
    assert "net.py, line 3: " in refused(File(write("def make():\n  return nn.Conv2d(4, 4, 3, groups=3)"), "make"))


def test_a_broken_file_can_be_repaired(write):
    path = write("1 / 0")
    refused(File(path, "make"))
    write("def make(): return nn.ReLU()")
    assert File(path, "make").build(SPEC, 1)


def test_what_is_not_a_network(write):
    assert "net.py:make returned dict, not a torch.nn.Module" in refused(File(write("def make(): return {}"), "make"))
    assert "wants a, b; only the number of classes" in refused(File(write("def make(a, b): ..."), "make"))


def test_input_specs_that_cannot_be(write):
    path = write("def make(n): ...")
    assert "Nothing says how pixels become" in refused(File(path, "make"))
    assert "Nothing says which size" in refused(File(path, "make", mean="0", std="1"), None)
    for options in ({"mean": "0.5:0.5", "std": "1"}, {"mean": "0", "std": "0"}):
        with pytest.raises(BadOption, match="Expected one mean and std, or one for each of"):
            File(path, "make", channels="3", **options).inputs((3, 8, 8))
    with pytest.raises(BadOption, match="A size is pixels"):
        File(path, "make", size="0").inputs((3, 8, 8))
    with pytest.raises(BadOption, match=r"--mean takes numbers.*Got 'grey'"):
        File(path, "make", mean="grey").inputs((3, 8, 8))
    path = write("input_spec = {'height': 3}\ndef make(n): ...")
    assert "Expected an InputSpec or a dict" in refused(File(path, "make"))
    path = write("input_spec = 224\ndef make(n): ...")
    assert "The input_spec of" in refused(File(path, "make"))
