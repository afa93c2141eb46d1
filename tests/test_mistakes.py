"""A hundred typed mistakes and more: what is typed, and the one line that answers it.

Each line says what happened, what was expected and what to type; a mistake is status 2, one line on standard error,
nothing on standard output, nothing of other packages' own, and it is told before any work.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edgequant.cli import main
from mistake_files import lay, lay_run

Cli = Callable[..., Any]
FILE = "done/artifacts/litert-w8a8.tflite"
LONG = "x" * 300
WITH = "--data digits --weights random"
Q = f"quantize micro_cnn {WITH}"
OWN = "quantize net.py"
MEANT = "--data digits --mean -1..1"
NO_CONTRACT = r"Nothing says how pixels become what net\.py:small takes.*--mean imagenet.*--std"

# What is typed, blanks between the words, and what its answer holds.
MISTAKES: dict[str, str] = {
    # recipes
    f"{Q} --recipe int8": r"No recipe is named 'int8'\. Did you mean 'w8a8'\?",
    f"{Q} --recipe INT8": r"Did you mean 'w8a8'\?",
    f"{Q} --recipe fp16": r"Did you mean 'float16'\?",
    f"{Q} --recipe float": r"Did you mean 'float32'\?",
    f"{Q} --recipe int4": r"Did you mean 'w4a8'\?",
    f"{Q} --recipe full-integer": r"Did you mean 'w8a8'\?",
    f"{Q} --recipe W8A8": r"Did you mean 'w8a8'\?",
    f"{Q} --recipe dynamic": r"Did you mean 'dynamic-w8'\?",
    f"{Q} --recipe int16x8": r"Did you mean 'w8a16'\?",
    f"{Q} --recipe qat": r"Did you mean 'w8a8\+qat'\?",
    f"{Q} --recipe w8a8-qat": r"A refiner stands behind a plus: write w8a8\+qat\.",
    f"{Q} --recipe w8a8,w4a8": r"Expected one recipe\. .* write --recipe w8a8, or recipes = ",
    f"{Q} --recipe w1a8": r"1-bit weights; 2 to 8 bits are possible",
    f"{Q} --recipe w8a40": r"40-bit activations; 2 to 16 are possible",
    f"{Q} --recipe w5a8": r"no 5-bit weights.*simulation",
    f"{Q} --recipe w8a8+adarond": r"No refiner is named 'adarond'\. Did you mean 'adaround'\?",
    f"{Q} --recipe w8a8+kd": r"Did you mean 'distill'\?",
    f"{Q} --recipe w8a8+adaround": r"adaround rounds layers of fewer than 8 bits.*write adaround:bits_below=9",
    f"{Q} --recipe w8+adaround": r"adaround rounds layers of fewer than 8 bits",
    f"{Q} --recipe w8a8+distill": r"has none before it\. Write w8a8\+qat\+distill",
    f"{Q} --recipe float32+qat": r"nothing to mend\. Write w4a8\+qat",
    f"{Q} --recipe w8a8+equalize+equalize": r"equalize stands twice behind w8a8",
    f"{Q} --recipe w8a8+qat:epochs=0": r"qat:epochs, qat:batch and qat:lr must be above 0",
    f"{Q} --recipe w8a8+qat:epoch=3": r"no option 'epoch'.*epochs",
    f"{Q} --recipe w8a8+prune:keep=2": r"prune takes 0 < keep < 1",
    f"{Q} --recipe absent.toml": r"recipe file absent\.toml cannot be read: No such file.*Expected TOML",
    f"{Q} --recipe recipes/nothing.toml": r"No layer matches 'features\.99\.\*'.*Did you mean",
    f"{Q} --recipe recipes/torn.toml": r"cannot be read: .*line 1.*Expected TOML",
    f"{Q} --recipe recipes/keys.toml": r"unknown keys \['weightbits'\]\. Known:.*weight_bits",
    f"{Q} --recipe recipes/where.toml": r"has no 'where'\. Write where =",
    f"{Q} --recipe recipes/bits.toml": r"9-bit weights; 2 to 8",
    f"{Q} --recipe recipes/type.toml": r"weight_bits .* must be int\. Got '4'",
    f"{Q} --recipe unknown.toml": r"is a study, not a recipe\. Run it: edgequant run unknown\.toml",
    # calibrators, targets, devices, numbers
    f"{Q} --calibrate percentile=99.9": r"Did you mean 'percentile:99\.9'\?",
    f"{Q} --calibrate percentile:q=0.999": r"q is above 50 and at most 100 \(percent\)",
    f"{Q} --calibrate percentile:q=abc": r"Expected float for .*'q'\. Got 'abc'",
    f"{Q} --calibrate percentile:p=9": r"no option 'p'.*q",
    f"{Q} --calibrate kl": r"Did you mean 'entropy'\?",
    f"{Q} --calibrate MinMax": r"Did you mean 'minmax'\?",
    f"{Q} --target tflite": r"Did you mean 'litert'\?",
    f"{Q} --target onnx": r"Did you mean 'onnxruntime'\?",
    f"{Q} --target LiteRT": r"Did you mean 'litert'\?",
    f"{Q} --target jetson": r"Did you mean 'tensorrt'\?",
    f"{Q} --target tflite-micro": r"Did you mean 'tflm'\?",
    f"{Q} --target litert:gpu=1": r"no option 'gpu'.*delegate",
    f"{Q} --quick -1": r"quick and seed must be at least 0.*Got -1",
    f"{Q} --seed x": r"--seed.*a whole number\. Got 'x'.*edgequant quantize --help",
    f"{Q} --seed -1": r"calibration\.seed at least 0",
    f"{Q} --samples 0": r"calibration\.n must be at least 1",
    f"{Q} --samples 50": r"50 calibration images.*--allow-few",
    f"{Q} --layout hwc": r"layout is one of nhwc, nchw.*'hwc'",
    f"{Q} --input int16": r"input is one of uint8, int8, float32",
    f"{Q} --output bool": r"output is one of",
    f"{Q} --recipie w8a8": r"No such option: --recipie.*--recipe",
    # places
    f"{Q} --out {LONG}": r"cannot be written: File name too long.*at most 255 characters",
    f"{Q} --out taken": r"taken cannot be written: File exists.*a file stands there\. Pass another with --out",
    f"{Q} --out taken/inside": r"taken/inside cannot be written: Not a directory.*a file stands there",
    # weights
    "quantize micro_cnn --data digits": r"no weights of its own\. Give --weights FILE",
    "quantize micro_cnn --data digits --weights absent.pt": r"There are no weights at absent\.pt\. Expected a file",
    "quantize micro_cnn --data digits --weights Random": r"For fresh weights write random",
    "quantize micro_cnn --data digits --weights photos": r"photos is a folder\. Expected a file",
    "quantize micro_cnn --data digits --weights whole.pt": r"the network itself.*pickled.*network\.state_dict\(\)",
    "quantize micro_cnn --data digits --weights another.pt": r"not this network's: .*missing.*Name the model",
    "quantize micro_cnn --data digits --weights torn.pt": r"torn\.pt is damaged, cut off",
    "quantize micro_cnn --data digits --weights empty.pt": r"empty\.pt is no PyTorch checkpoint: it is empty",
    "quantize micro_cnn --data digits --weights text.pt": r"it begins with 'version https://git-lfs",
    "quantize micro_cnn --data digits --weights no_weights.pt": r"holds a dict of epoch, optimizer, not a network's",
    "quantize micro_cnn --data digits --weights tensor.pt": r"holds Tensor, not a network's weights",
    "quantize micro_cnn --data digits --weights torn.safetensors": r"damaged or cut off.*copy the file again",
    "quantize micro_cnn --data digits --weights weights.txt": r"ending that edgequant does not read.*\.safetensors",
    # models
    f"quantize micro_cn {WITH}": r"Did you mean 'micro_cnn'\?",
    f"quantize MobileNet_V2 {WITH}": r"Did you mean 'mobilenet_v2'\?",
    f"quantize resnet18 {WITH}": r"Did you mean 'torchvision:resnet18'\?",
    f"quantize micro_cnn=0.5 {WITH}": r"Did you mean 'micro_cnn:0\.5'\?",
    f"quantize micro_cnn:depth=2 {WITH}": r"no option 'depth'.*width",
    f"quantize micro_cnn:width=wide {WITH}": r"Expected float.*'wide'",
    f"quantize micro_cnn:width=0 {WITH}": r"must be above 0",
    "quantize another.pt --data digits": r"the network first.*--weights another\.pt behind it",
    "quantize model.pb --data digits": r"Write a \.onnx, \.tflite.*\.pb files are not read",
    "quantize photos --data digits": r"a network, as path/to/file\.py:factory.*this is a folder",
    "quantize net:small --data digits": r"Write net\.py:FACTORY",
    "quantize net.py --data digits": r"needs the file and a factory.*Write net\.py:FACTORY",
    f"{OWN}:smal --data digits": r"has no function or class 'smal'\. It has: small",
    f"{OWN}:nine {MEANT}": r"scores 9 classes and the data set has 10",
    f"{OWN}:bigger {MEANT}": r"1x8x8 images .* the network takes 1x32x32",
    f"{OWN}:broken --data digits": r"net\.py, line \d+: RuntimeError: no luck",
    f"{OWN}:nothing --data digits": r"returned NoneType, not a torch\.nn\.Module",
    f"{OWN}:two_arguments --data digits": r"wants width, depth; only the number of classes",
    "quantize syntax.py:make --data digits": r"syntax\.py, line 1: SyntaxError",
    "quantize missing.py:make --data digits": r"missing\.py, line 1: ModuleNotFoundError.*a_package_that_nobody_has",
    "quantize absent.py:make --data digits": r"There is no file absent\.py",
    "quantize absent.onnx --data digits": r"There is no file 'absent\.onnx'",
    "quantize text.onnx --data digits": r"text\.onnx is not an ONNX model",
    "quantize torn.tflite --data digits": r"torn\.tflite",
    f"quantize {FILE} --data digits": r"is quantized already \(w8a8\).*Give the float",
    # data
    "quantize micro_cnn": r"Missing option '--data'.*edgequant quantize --help",
    "quantize micro_cnn --data digit": r"Did you mean 'digits'\?",
    "quantize micro_cnn --data MNIST8": r"No dataset is named 'MNIST8'\. Did you mean 'mnist'\?",
    "quantize micro_cnn --data imagenet": r"Did you mean 'imagefolder:PATH'\?",
    "quantize micro_cnn --data labels.csv": r"labels\.csv names 1 image that .* has not.*'a\.png'",
    f"quantize micro_cnn {WITH.replace('digits', 'arrays:absent.npz')}": r"absent\.npz",
    f"quantize micro_cnn {WITH.replace('digits', 'arrays:floats.npz')}": r"float64.*uint8",
    f"quantize micro_cnn {WITH.replace('digits', 'arrays:short.npz')}": r"200 images and 5 labels",
    f"quantize micro_cnn {WITH.replace('digits', 'arrays:keys.npz')}": r"holds x, y\. Expected 'images' and 'labels'",
    f"quantize micro_cnn {WITH.replace('digits', 'arrays:first.npz')}": r"channels last.*transpose\(0, 2, 3, 1\)",
    f"quantize micro_cnn {WITH.replace('digits', 'arrays:torn.npz')}": r"torn\.npz is not a whole \.npz",
    # studies
    "run digts": r"No study is named 'digts'\. Did you mean 'digits'\?",
    "run absent.toml": r"There is no study file absent\.toml",
    "run typo.toml": r"not valid TOML: Unclosed array",
    "run unknown.toml": r"No option is named 'recipse'\. Did you mean 'recipes'\?",
    "run no_network.toml": r"names no network\. Write \[\[network\]\]",
    "run wrong_type.toml": r"Expected int for .*seed\. Got 'one'",
    "run own_and_train.toml": r"net\.py:small has weights of its own.*Write net\.py:small,pretrained=false",
    "run recipes/nothing.toml": r"is a recipe, not a study\. Write --recipe recipes/nothing\.toml",
    "run done": r"Write done/study\.toml to run it again, or edgequant report done",
    "run net.py": r"a study's name or a \.toml; one network is quantized by edgequant quantize",
    "run --set seed": r"--set takes key=value\. Got 'seed'",
    "run --set sed=1": r"Did you mean 'seed'\?",
    "run --set seed=one": r"Expected int.*'one'",
    "run --set seed=99999999999999999999": r"seed below 4294967296",
    "run --set recipes=int8": r"Did you mean 'w8a8'\?",
    "run --set targets=tflite": r"Did you mean 'litert'\?",
    "run --set calibration.method=kl": r"Did you mean 'entropy'\?",
    "run --set network.3.model=x": r"there is no number 3; expected 0\.\.0",
    "run --set network.train.epoch=3": r"Did you mean 'epochs'\?",
    "run --set network.train.lr=-1": r"train\.lr must be above 0",
    "run --set network.train.optimizer=adamw2": r"optimizer is one of sgd, adam, adamw",
    "run --set criteria.0.metric=top_1": r"No metric is named 'top_1'\. Did you mean 'top1'\?",
    "run --set devices=pi": r'devices holds "local".*"ssh:USER@HOST"',
    "run --set workers=0": r"workers must be at least 1",
    "run --quick many": r"--quick.*a whole number\. Got 'many'",
    "run --fres": r"No such option: --fres.*--fresh",
    "run digits extra": r"unexpected extra argument.*extra.*edgequant run --help",
    "train": r"Missing argument.*edgequant train --help",
    "train micro_cnn": r"No study is named 'micro_cnn'",
    "train own_and_train.toml": r"has weights of its own",
    # what is read from finished runs
    "report empty": r"There is no empty/results\.json\. Expected the folder of a finished run",
    "report taken": r"There is no taken/results\.json",
    "report torn_run": r"torn_run/results\.json cannot be read: Unterminated string",
    "report other_run": r"has the schema 'mlperf/3'; this edgequant reads 'edgequant/1'",
    "report newer_run": r"has the schema 'edgequant/2'",
    "report list_run": r"holds a list\. Expected a JSON object",
    "report empty_run": r"has the schema None",
    "report odd_run": r"is no record of a run",
    "advise other_run": r"has the schema 'mlperf/3'",
    "advise nowhere": r"the folder of a finished run, or a study.*nowhere/results\.json",
    "compare done": r"Missing argument 'RUN_B'",
    "compare done other_run": r"has the schema 'mlperf/3'",
    f"compare done {FILE}": r"is no record of a run\. Expected a run folder, or its results\.json",
    # finished files
    f"evaluate {FILE}": r"Missing option '--data'",
    "evaluate absent.tflite --data digits": r"absent\.tflite cannot be read: No such file",
    "evaluate empty.tflite --data digits": r"empty\.tflite is not a \.tflite file",
    "evaluate page.tflite --data digits": r"page\.tflite is not a \.tflite file",
    "evaluate model.pb --data digits": r"ends in \.pb; edgequant opens \.onnx",
    "evaluate micro_cnn --data digits": r"micro_cnn ends in nothing; edgequant opens",
    f"evaluate {FILE} --data digits --device pi": r"Did you mean 'ssh:USER@HOST'\?",
    f"evaluate {FILE} --data digits --device usb": r"Did you mean 'adb:SERIAL'\?",
    f"evaluate {FILE} --data digits --mean half --std 1": r"--mean takes numbers of pixels / 255.*'half'",
    "predict absent.tflite grey.png": r"absent\.tflite cannot be read",
    f"predict grey.png {FILE}": r"grey\.png ends in \.png; edgequant opens",
    f"benchmark {FILE} --threads 100000": r"--threads is at most 256\. Got 100000",
    f"benchmark {FILE} --device gpu": r"No device is named 'gpu'\. Known: adb, local, ssh",
    "inspect whole.pt": r"ends in \.pt; edgequant opens",
    "inspect torn.tflite": r"torn\.tflite cannot be read as a \.tflite.*damaged",
    "doctor micro_cnn": r"Missing argument 'file'.*edgequant doctor --help",
    # which bits
    "sweep micro_cnn": r"needs images\. Give --data",
    "sweep digts": r"No model or study is named 'digts'\. Did you mean 'digits'\?",
    f"sweep micro_cnn {WITH} --weight-bits 9": r"widths from 2 to 8\. Got '9'",
    f"sweep micro_cnn {WITH} --set seed=1": r"--set changes a study, and micro_cnn is a model",
    f"sensitivity micro_cnn {WITH} --mode exat": r"Did you mean 'exact'\?",
    f"sensitivity micro_cnn {WITH} --threshold nan": r"--threshold at least 0.*nan",
    f"search micro_cnn {WITH} --schemes w8a8": r"names two at least.*Write w8a8,w4a8",
    f"search micro_cnn {WITH} --max-bytes big": r"--max-bytes takes a number, or a percentage",
    f"search micro_cnn {WITH} --max-drop -5": r"--max-drop is at least 0",
    f"search micro_cnn {WITH} --target tflite": r"Did you mean 'litert'\?",
    # the words themselves
    "quantise": r"No such command 'quantise'.*quantize",
    "list nonsense": r"No kind is named 'nonsense'",
    "list recipe": r"Did you mean 'recipes'\?",
    "--verison": r"No such option: --verison.*--version",
    # networks of the user's own
    f"{OWN}:half {MEANT}": r"weights are float16 .*float32 was expected\. Write net\.float\(\)",
    f"{OWN}:bfloat {MEANT}": r"weights are bfloat16 .*Write net\.float\(\)",
    f"{OWN}:double {MEANT}": r"weights are float64 .*Write net\.float\(\)",
    f"{OWN}:dropout {MEANT}": r"Dropout that stays on in evaluation \(net\.py, line \d+\).*self\.training",
    f"{OWN}:loop {MEANT}": r"depends on the values that it computes \(net\.py, line \d+\).*torch\.where",
    f"{OWN}:to_numpy {MEANT}": r"could not follow the network's code \(net\.py, line \d+\).*numpy",
    f"{OWN}:tuple_of_two {MEANT}": r"gives 2 results: output0 .*return 'output0' alone",
    f"{OWN}:dictionary {MEANT}": r"gives 2 results: logits .*return 'logits' alone",
    f"{OWN}:eleven {MEANT}": r"scores 11 classes and the data set has 10\..*background.*scores\[:, 1:\]",
    f"{OWN}:colour {MEANT}": r"digits has 1x8x8 images.*takes 3x8x8\. Say --channels rgb",
    f"{OWN}:small --data arrays:rgb.npz --mean -1..1": r"takes grey images of 1 channel.*--channels grey",
    f"{OWN}:Outputs {MEANT}": r"TypeError: 'int' object is not callable\. Expected a network",
    f"{OWN}:small:10 {MEANT}": r"Got 'net\.py:small:10'\. Write net\.py:small,",
    f"{OWN}:small(10) {MEANT}": r"Got 'net\.py:small\(10\)'\. Write net\.py:small,",
    f"{OWN}::smal {MEANT}": r"no function or class 'smal'",
    f"{OWN}:SPEC {MEANT}": r"no function or class 'SPEC'\. It has: small",
    f"{OWN}:small {MEANT} --weights done": r"done is a folder\. Expected a file: \.safetensors",
    # pixels
    f"{OWN}:small --data digits": NO_CONTRACT,
    "sweep net.py:small --data digits": NO_CONTRACT,
    "sensitivity net.py:small --data digits": NO_CONTRACT,
    "search net.py:small --data digits": NO_CONTRACT,
    f"{OWN}:small --data digits --mean 0.5": r"mean and std go together, and std is missing\. Give --std too",
    f"{OWN}:small,mean=0.5 --data digits": r"std is missing",
    f"{OWN}:small,mean=0.5,std=0 --data digits": r"every std above 0\. Got mean 0\.5 and std 0",
    f"{OWN}:small --data digits --mean 127.5 --std 127.5": r"pixels in 0\.\.255.*--mean 0\.5 --std 0\.5",
    f"{OWN}:small --data digits --mean imagenet --std 1": r"--mean imagenet has the std 0\.229.*Leave out --std",
    f"{OWN}:small --data digits --mean coco": r"takes numbers.*or a name: imagenet.*'coco'",
    f"{OWN}:small {MEANT} --channels rgba": r"channels are rgb, bgr or grey\. Got 'rgba'",
    f"{OWN}:small {MEANT} --channels rgb": r"takes grey images of 1 channel, and was given 3",
    f"{OWN}:small {MEANT} --size 8x8x1": r"A size is pixels: 32, or width x height.*'8x8x1'",
    f"{OWN}:small {MEANT} --size 16": r"digits has 1x8x8 images.*takes 1x16x16\. Say --fit",
    f"{OWN}:small {MEANT} --fit cover": r"fit is stretch, crop, crop:256 or letterbox\. Got 'cover'",
    f"{Q} --size 0": r"A size is pixels.*Got '0'",
    f"evaluate {FILE} --data digits --size 32": r"itself says size 8.*leave out what was stated",
    f"evaluate {FILE} --data digits --mean 0.1 --std 0.3": r"itself says mean and std 0\.501961.*0\.1 / 0\.3 was",
    # images
    f"quantize micro_cnn {WITH.replace('digits', 'arrays:from_one.npz')} --quick 20": r"from 1 to 10.*labels - 1",
    "quantize micro_cnn --data imagefolder:empty --weights random": r"empty has no sub-folder with an image",
    "quantize micro_cnn --data imagefolder:photos --weights random": r"pool has 6 images, too few.*--allow-few",
    "quantize micro_cnn --data imagefolder:photos --weights random --samples 500": r"500 .*Ask for at most 6",
    "quantize micro_cnn --data imagefolder:photos,size=big --weights random": r"Expected int.*'size'\. Got 'big'",
    "quantize micro_cnn --data imagefolder: --weights random": r"needs a folder\. Type imagefolder:FOLDER",
    "quantize micro_cnn --data photos/cat/0.png --weights random": r"is one image, and a folder was expected",
    "quantize micro_cnn --data https://example.org/a.zip": r"https://example\.org/a\.zip is an address.*curl -LO",
    "quantize onnx:https://example.org/a.onnx --data digits": r"^edgequant: https://example\.org/a\.onnx is an address",
    f"{Q} --samples 100000": r"100000 calibration images.*at most 1237",
    f"evaluate {FILE} --data photos": r"scores 10 classes and photos has 2\..*Check --data",
    f"evaluate {FILE} --data digits --quick -3": r"at least one image.*-3",
    f"predict {FILE} nowhere": r"There is no image nowhere",
    f"predict {FILE} labels.csv": r"labels\.csv is not a whole image",
    f"predict {FILE} empty": r"empty has no image, nor has any folder in it",
    # words and numbers
    f"{Q} --out=": r"The word behind --out is empty.*variable of the shell",
    f"{Q} --target litert,onnxruntime": r"Expected one target\. Got 'litert,onnxruntime': write litert here",
    f"{Q} --calibrate minmax,mse": r"Expected one calibrator\. .*write minmax here",
    f"{Q} --calibrate minmax:99": r"'minmax' has no option '99'\. Its options: none\. Write minmax\.",
    f"{Q} --seed 1.5": r"--seed.*expected a whole number\. Got '1\.5'",
    f"{Q} --samples all": r"--samples.*expected a whole number\. Got 'all'",
    f"{Q} --samples=all": r"expected a whole number\. Got 'all'",
    f"{Q} --threads 4": r"No such option: --threads",
    f"{Q} --weights": r"'--weights' requires an argument\. Try: edgequant quantize --help",
    f"{Q} --recipe float16 --target tflm": r"tflm cannot run float16.*use float32 or w8a8",
    "train digits --set network.train.lr=nan": r"train\.lr must be above 0.*nan",
    "train digits --set network.train.batch=0": r"train\.batch .*must be above 0",
    "run digits --set calibration=minmax": r"calibration must be a table\. Got 'minmax'",
    "run digits --set targets=[]": r"an empty targets\. Expected one at least",
    "run digits --set criteria.0.want=100": r"No option is named 'want'\. Known: name, variant, metric",
    "run digits --set criteria.9.metric=top1": r"there is no number 9; expected 0\.\.2",
    "run digits --workers two": r"expected a whole number\. Got 'two'",
    "run .": r"No study is named '\.'",
    "advise photos": r"There is no photos/results\.json",
    "report photos": r"There is no photos/results\.json",
    f"report {FILE}": r"Expected the folder of a finished run",
    "compare micro_cnn digits": r"There is no micro_cnn/results\.json",
    f"evaluate {FILE} --data digits --device local:2": r"'2' cannot be started: No such file.*a program that runs here",
    "evaluate done --data digits": r"done is a folder.*In it: .*done/artifacts/litert-w8a8\.tflite",
    "inspect photos": r"photos is a folder\. Expected a file: \.onnx, \.pte, \.tflite\.$",
    "parity net.py:small": r"edgequant opens",
    f"parity {FILE} --images 0": r"at least one image\. Got n = 0",
    f"benchmark {FILE} --threads 0": r"--threads is at least 1\. Got 0",
    f"benchmark {FILE} --against grey.png": r"grey\.png ends in \.png",
    f"doctor digits {FILE} --network 7": r"has 1 network, counted from 0\. Got 7\. Write --network 0",
    f"doctor micro_cnn {FILE} --data digits --images 0": r"at least one image\. Got --images 0",
    f"doctor micro_cnn {FILE} --data digits --target litert:delegat=false": r"no option 'delegat'.*delegate",
    f"sensitivity {FILE} --data digits": r"is quantized already \(w8a8\)",
    f"search micro_cnn {WITH} --max-bytes 0": r"--max-bytes takes a number",
    f"search micro_cnn {WITH} --max-drop big": r"--max-drop.*expected a number\. Got 'big'",
    f"sweep micro_cnn {WITH} --weight-bits 8-4": r"widths from 2 to 8\. Got '8-4'",
    "Quantize": r"Did you mean 'quantize'\? Try: edgequant --help",
}  # fmt: skip


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which all of them are typed."""
    folder = tmp_path_factory.mktemp("mistakes")
    lay(folder)
    finished = tmp_path_factory.mktemp("finished") / "done"
    words = f"quantize micro_cnn:width=0.5 {WITH} --quick 20".split()
    assert main([*words, "--out", str(finished)]) == 0
    lay_run(folder, finished)
    return folder


@pytest.fixture
def typed(box: Path, edgequant: Cli, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cli]:
    """The command line in that folder; nothing may come from C++ behind Python's back."""
    monkeypatch.chdir(box)

    def call(*words: object) -> object:
        with tempfile.TemporaryFile() as sink:
            kept = os.dup(2)
            os.dup2(sink.fileno(), 2)
            try:
                said = edgequant(*words)
            finally:
                os.dup2(kept, 2)
                os.close(kept)
            sink.seek(0)
            assert sink.read() == b""
        return said

    yield call  # type: ignore[misc]


def test_a_hundred_are_typed() -> None:
    assert len(MISTAKES) >= 230


@pytest.mark.parametrize("words", MISTAKES)
def test_a_mistake_is_answered_in_one_line(words: str, typed: Cli) -> None:
    said = typed(*words.split())
    assert re.search(MISTAKES[words], said.refusal), said.err
    assert said.out == "" and "Traceback" not in said.err


@pytest.mark.parametrize("words", ["--layout NHWC", "--input UINT8", "--output Int8"])
def test_capitals_of_types_and_layouts_are_no_mistake(words: str, typed: Cli) -> None:
    """What is refused is the next thing that is wrong."""
    said = typed(*f"{Q} {words} --samples 50".split())
    assert "50 calibration images" in said.refusal


def test_a_missing_image_is_named_and_the_others_are_answered(typed: Cli) -> None:
    said = typed("predict", FILE, "absent.png", "photos/cat/0.png")
    assert said.status == 2 and said.out.startswith("photos/cat/0.png: ")
    assert said.err == "edgequant: There is no image absent.png. Expected image files, or folders of them.\n"


def test_a_report_is_rendered_from_the_record_itself_too(typed: Cli) -> None:
    assert typed("report", "done/results.json").status == 0


def test_unlabelled_images_and_a_training_are_refused_before_calibration(typed: Cli, box: Path) -> None:
    import numpy as np

    np.savez(box / "unlabelled.npz", images=np.zeros((400, 8, 8, 1), np.uint8))
    words = ["quantize", "net.py:small,mean=-1..1", "--data", "arrays:unlabelled.npz", "--samples", "100", "--recipe"]
    assert (
        "images without labels do not tell how many classes"
        in typed("quantize", "net.py:required,mean=-1..1", "--data", "arrays:unlabelled.npz").refusal
    )
    assert "qat learns from labels" in typed(*words, "w8a8+qat").refusal
    assert "prune learns from labels" in typed(*words, "w8a8+prune").refusal
