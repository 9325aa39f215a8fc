#!/usr/bin/env bash
# The image with NVIDIA's driver is right without a GPU: nvidia-smi starts and finds its library, the loader finds CUDA by the name
# that programs ask for, and the settings of the container toolkit and of the kernel module are where they are read.
. "$(dirname "$0")/../support/e2e.sh"
need_root
use_catalog
gpu=runloop/universal-debian-12-x86_64-gpu
cat >recipe.yaml <<YAML
apiVersion: blueprint/v1
name: gpu-checks
from: $gpu
tests:
  # Its own words for "no driver in the kernel"; without its library it would say that instead, and end otherwise.
  - {run: nvidia-smi, expect: "couldn't communicate with the NVIDIA driver", exit_code: 9}
  - {run: "ldconfig -p", expect: "libcuda.so.1 .*=> /"}
  - {run: "ldconfig -p", expect: "libnvidia-ml.so.1 .*=> /"}
  # 100 is CUDA_ERROR_NO_DEVICE, 3 is CUDA_ERROR_NOT_INITIALIZED, 999 unknown: the library answers.
  - {run: "python3 -c 'import ctypes; print(\"cuInit says\", ctypes.CDLL(\"libcuda.so.1\").cuInit(0))'", expect: "cuInit says [1-9]"}
  - run: |
      python3 - <<'PYTHON'
      import tomllib
      config = tomllib.load(open("/etc/nvidia-container-runtime/config.toml", "rb"))
      print(config["nvidia-container-cli"]["ldconfig"], config["nvidia-container-runtime"]["runtimes"])
      PYTHON
    expect: "^@/sbin/ldconfig \\\\['runc', 'crun'\\\\]"
  - {run: "modprobe --showconfig", expect: "options nvidia NVreg_DeviceFileMode=0666"}
  - {run: "! dpkg --audit | grep . && test -u /usr/bin/nvidia-modprobe"}
YAML
ok blueprint build recipe.yaml --progress plain
err_has "7 of 7 passed"
# Driver and libraries are of one version, which the lock of the image names.
ok blueprint inspect $gpu --json
same "$(json 'j["launch"]["gpu"]')" 1
same "$(json 'len({p["version"] for p in j["packages"] if p["name"] in ("nvidia-smi", "libcuda1", "libnvidia-ml1")})')" 1
version=$(json 'next(p["version"] for p in j["packages"] if p["name"] == "nvidia-smi")')
grep -qF "$version" "$E2E_FIXTURES/catalog/$gpu.lock.yaml" || fail "the lock does not name $version"
