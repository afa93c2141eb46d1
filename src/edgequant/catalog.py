"""Everything edgequant knows by name. To add a component, add its line here.

Nothing named here is imported until it is used. The order of SECTIONS is the order of
the report; every other table is in alphabetical order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .core.registry import Registry

if TYPE_CHECKING:
    from .core import interfaces as i

DATASETS: Registry[i.AbstractDataset] = Registry(
    "AbstractDataset",
    "dataset",
    {
        "arrays": ("edgequant.data.arrays:Arrays", "images and labels in one .npz file"),
        "cifar10": ("edgequant.data.cifar:Cifar10", "CIFAR-10, the official python batches"),
        "cifar100": ("edgequant.data.cifar:Cifar100", "CIFAR-100, the official python batches"),
        "digits": ("edgequant.data.digits:Digits", "1,797 real handwritten digits, 8x8; no download"),
        "fashion_mnist": ("edgequant.data.idx:FashionMnist", "Fashion-MNIST, IDX files"),
        "imagefolder": ("edgequant.data.imagefolder:ImageFolder", "a folder of images, one sub-folder a class"),
        "images": ("edgequant.data.images:Images", "a flat folder of unlabelled images"),
        "mnist": ("edgequant.data.idx:Mnist", "MNIST, IDX files"),
    },
)

MODELS: Registry[i.AbstractModel] = Registry(
    "AbstractModel",
    "model",
    {
        "file": ("edgequant.models.file:File", "a network of yours: path/to/file.py:factory"),
        "micro_cnn": ("edgequant.models.micro_cnn:MicroCNN", "about 10 k parameters, for microcontrollers"),
        "mobilenet_v2": ("edgequant.models.mobilenet_v2:MobileNetV2", "MobileNetV2, any width, CIFAR or ImageNet stem"),
        "resnet8": ("edgequant.models.resnet8:ResNet8", "MLPerf Tiny's CIFAR-10 ResNet-8"),
        "standard_cnn": ("edgequant.models.standard_cnn:StandardCNN", "about 350 k parameters, plain convolutions"),
    },
)

CALIBRATORS: Registry[i.AbstractCalibrator] = Registry(
    "AbstractCalibrator",
    "calibrator",
    {
        "entropy": ("edgequant.calibrate.entropy:Entropy", "least KL divergence from the float histogram"),
        "minmax": ("edgequant.calibrate.minmax:MinMax", "every value seen is representable"),
        "moving_average": ("edgequant.calibrate.moving_average:MovingAverage", "batch min and max, averaged over time"),
        "mse": ("edgequant.calibrate.mse:MSE", "least squared quantization error"),
        "percentile": ("edgequant.calibrate.percentile:Percentile", "the rarest values are clipped"),
    },
)

REFINERS: Registry[i.AbstractRefiner] = Registry(
    "AbstractRefiner",
    "refiner",
    {
        "adaround": ("edgequant.refine.adaround:AdaRound", "learned rounding of weights, layer by layer, label-free"),
        "bias_correct": (
            "edgequant.refine.bias_correct:BiasCorrect",
            "takes the mean quantization error out of biases",
        ),
        "equalize": ("edgequant.refine.equalize:Equalize", "evens out weight ranges across consecutive layers"),
    },
)

BACKENDS: Registry[i.AbstractBackend] = Registry(
    "AbstractBackend",
    "target",
    {
        "litert": ("edgequant.backends.litert:LiteRT", ".tflite, run by LiteRT (TensorFlow Lite) with XNNPACK"),
        "onnxruntime": ("edgequant.backends.onnxruntime:OnnxRuntime", ".onnx with Q/DQ, run by ONNX Runtime"),
        "simulation": (
            "edgequant.backends.simulation:Simulation",
            "no file: any bit width, in the integer executor's arithmetic",
        ),
    },
)

SECTIONS: Registry[i.AbstractSection] = Registry(
    "AbstractSection",
    "report section",
    {
        "recommendation": ("edgequant.report.sections.recommendation:Recommendation", "the file to ship, and why"),
        "criteria": ("edgequant.report.sections.criteria:Criteria", "what was asked for, and what came out"),
        "variants": ("edgequant.report.sections.variants:Variants", "every variant, with its figures"),
        "accuracy": ("edgequant.report.sections.accuracy:Accuracy", "accuracy against latency and against size"),
        "sweep": ("edgequant.report.sections.sweep:Sweep", "what each bit width costs, simulated"),
        "latency": ("edgequant.report.sections.latency:Latency", "time, memory, and which kernels ran"),
        "parity": ("edgequant.report.sections.parity:Parity", "the file against the simulation"),
        "layers": ("edgequant.report.sections.layers:Layers", "what befell each layer, and why"),
        "environment": ("edgequant.report.sections.environment:Environment", "versions, machine, how to repeat it"),
    },
)

ALL: tuple[Registry[Any], ...] = (DATASETS, MODELS, CALIBRATORS, REFINERS, BACKENDS, SECTIONS)
KINDS: dict[str, Registry[Any]] = {
    "data": DATASETS,
    "models": MODELS,
    "calibrators": CALIBRATORS,
    "refiners": REFINERS,
    "targets": BACKENDS,
    "sections": SECTIONS,
}
