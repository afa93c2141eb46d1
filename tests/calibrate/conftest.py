import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Tensors of a few values: handing them to a second thread costs more than the work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
