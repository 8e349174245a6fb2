"""The scripts for Slurm and Kubernetes: linted, held against schemas, and run as far as they go."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
import yamllint.config
import yamllint.linter
from referencing import Registry, Resource

from loopbench.cli.app import cli
from loopbench.harness.plan import Settings

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "scripts"
SBATCH = SCRIPTS / "slurm" / "run.sbatch"
MANIFESTS = sorted((SCRIPTS / "kubernetes").glob("*.yaml"))
RAYJOB = Path(__file__).with_name("rayjob.schema.json")
KUBERNETES = kubernetes_validate.latest_version()
KINDS = {"ray.yaml": ["RayJob"]} | {
    "vllm.yaml": ["Deployment", "Service", "PersistentVolumeClaim", "Job"]
}


def shell_scripts() -> list[Path]:
    return [
        path
        for path in sorted(SCRIPTS.rglob("*"))
        if path.is_file() and path.read_bytes().startswith(b"#!/usr/bin/env bash")
    ]


def shellcheck(script: str) -> str:
    """Return what shellcheck, installed beside this Python, complains of."""
    here = os.pathsep.join((sysconfig.get_path("scripts"), os.environ.get("PATH", "")))
    program = shutil.which("shellcheck", path=here)
    assert program, "shellcheck is missing: install the extra dev"
    command = [program, "--shell", "bash", "--format", "gcc", "--exclude", "SC1091", "-"]
    return subprocess.run(command, input=script, capture_output=True, text=True).stdout


def resources(manifest: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(manifest.read_text()))


def pod_templates(node: Any) -> Iterator[dict[str, Any]]:
    """Yield what has a pod's `spec`, wherever it is."""
    for value in (
        node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    ):
        yield from pod_templates(value)
    if isinstance(node, dict) and "containers" in node.get("spec", {}):
        yield node


def complaints(resource: dict[str, Any]) -> list[str]:
    """Return where a resource is not what Kubernetes, or KubeRay, takes."""
    if resource["kind"] != "RayJob":
        try:
            kubernetes_validate.validate(resource, KUBERNETES, strict=True)
        except kubernetes_validate.ValidationError as error:
            return [error.message]
        return []
    folder = files("kubernetes_validate") / "kubernetes-json-schema"
    core = json.loads((folder / f"v{KUBERNETES}-local-strict" / "_definitions.json").read_text())
    registry = Resource.from_contents(core) @ Registry()
    schema = json.loads(RAYJOB.read_text())
    validator = jsonschema.Draft202012Validator(schema, registry=registry)
    return [error.message for error in validator.iter_errors(resource)]


def commands(script: str) -> list[list[str]]:
    """Return the words of every `loopbench` command of a script."""
    joined = script.replace("\\\n", " ")
    lines = [part.strip() for line in joined.splitlines() for part in line.split("&&")]
    return [shlex.split(line)[1:] for line in lines if line.startswith("loopbench ")]


def settings_of(words: Sequence[str]) -> Settings:
    """Return what `loopbench run` would be asked by a command line; an unknown option raises."""
    name, *rest = words
    assert name == "run"
    given = cli.commands[name].make_context(name, list(rest)).params
    known = set(Settings.__struct_fields__)
    return Settings(**{key: value for key, value in given.items() if key in known})


@pytest.mark.parametrize("script", shell_scripts(), ids=lambda path: path.name)
def test_shell_scripts_are_clean(script: Path) -> None:
    assert shellcheck(script.read_text()) == ""


def test_the_shell_linter_finds_something() -> None:
    assert "SC2086" in shellcheck('out=$1\nrm "a" $out\n')


def test_all_scripts_are_among_them() -> None:
    assert {"run.sbatch", "test", "run", "check_wheel"} <= {path.name for path in shell_scripts()}


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda path: path.name)
def test_manifests_are_clean_and_valid(manifest: Path) -> None:
    rules = yamllint.config.YamlLintConfig("extends: default")
    assert list(yamllint.linter.run(manifest.read_text(), rules)) == []
    found = resources(manifest)
    assert [resource["kind"] for resource in found] == KINDS[manifest.name]
    assert [complaint for resource in found for complaint in complaints(resource)] == []


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda path: path.name)
def test_a_misspelt_field_is_found(manifest: Path) -> None:
    for resource in resources(manifest):
        assert complaints({**resource, "spec": {**resource["spec"], "replicaz": 1}})
        for template in pod_templates(resource):
            template["spec"]["containers"][0]["imagePullPolice"] = "Always"
            assert complaints(resource)


def test_all_pods_of_the_ray_job_are_checked() -> None:
    (job,) = resources(SCRIPTS / "kubernetes" / "ray.yaml")
    assert len(list(pod_templates(job))) == 2
    assert complaints({**job, "apiVersion": "ray.io/v1alpha1"})
    # KubeRay asks for one of the two, which its schema does not say.
    assert ("rayClusterSpec" in job["spec"]) != ("clusterSelector" in job["spec"])


def test_volumes_are_mounted_by_their_names() -> None:
    mounted = 0
    for manifest in MANIFESTS:
        for template in pod_templates(resources(manifest)):
            pod = template["spec"]
            known = {volume["name"] for volume in pod.get("volumes", [])}
            for container in pod["containers"]:
                names = {mount["name"] for mount in container.get("volumeMounts", [])}
                assert names <= known
                mounted += len(names)
    assert mounted == 4


def test_commands_are_what_the_command_line_takes() -> None:
    (ray_job,) = resources(SCRIPTS / "kubernetes" / "ray.yaml")
    *_, job = resources(SCRIPTS / "kubernetes" / "vllm.yaml")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["command"] == ["sh", "-c"]
    (inside,) = container["args"]
    assert shellcheck(inside) == ""
    texts = [ray_job["spec"]["entrypoint"], inside, SBATCH.read_text()]
    found = [settings_of(words) for text in texts for words in commands(text)]
    assert [settings.max_new_tokens for settings in found] == [32768] * 3
    for settings in found:
        settings.check()
    workers = ray_job["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]
    limits = workers["template"]["spec"]["containers"][0]["resources"]["limits"]
    assert found[0].ray == "auto"
    assert found[0].ray_actors == workers["replicas"]
    assert found[0].ray_gpus == limits["nvidia.com/gpu"]


def test_slurm_reads_all_directives() -> None:
    """It stops reading at the first command."""
    lines = SBATCH.read_text().splitlines()
    first = next(n for n, line in enumerate(lines) if line and not line.startswith("#"))
    directives = [n for n, line in enumerate(lines) if line.startswith("#SBATCH")]
    assert len(directives) == 4
    assert max(directives) < first


def stand_in(folder: Path, name: str, script: str) -> None:
    program = folder / name
    program.write_text(f"#!/usr/bin/env bash\n{script}\n")
    program.chmod(0o755)


def array_task(tmp_path: Path, number: int) -> subprocess.CompletedProcess[str]:
    """Run the batch script as Slurm would, with stand-ins for the programs that it calls."""
    programs = tmp_path / "bin"
    programs.mkdir(exist_ok=True)
    said = f'"{tmp_path}/$(basename "$0").log"'
    note = f'printf "%s\\n" "$0 $*" "key=${{VLLM_API_KEY:-$LOOPBENCH_API_KEY}}" >> {said}'
    # The server is up at the second question; it runs until it is stopped.
    stand_in(
        programs,
        "vllm",
        f'{note}\ntrap "echo stopped >> {tmp_path}/stopped; exit" TERM\n'
        "while true; do sleep 0.05; done",
    )
    stand_in(programs, "curl", f"{note}\n[ $(wc -l < {said}) -gt 2 ]")
    stand_in(programs, "sleep", f"exec {shutil.which('sleep')} 0.05")
    stand_in(programs, "loopbench", note)
    models = tmp_path / "checkpoints.txt"
    models.write_text("first/model\nsecond/model\n")
    paths = os.pathsep.join((str(programs), os.environ["PATH"]))
    return subprocess.run(
        ["bash", str(SBATCH), str(models), str(tmp_path / "runs")],
        env={"PATH": paths, "SLURM_ARRAY_TASK_ID": str(number)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_an_array_task_measures_its_own_model(tmp_path: Path) -> None:
    done = array_task(tmp_path, 2)
    assert (done.returncode, done.stderr) == (0, "")
    served, key = (tmp_path / "vllm.log").read_text().splitlines()
    assert served.endswith("vllm serve second/model --host 127.0.0.1 --port 20002")
    asked, same_key = (tmp_path / "loopbench.log").read_text().splitlines()
    assert asked.endswith(f"--out {tmp_path}/runs/2 --resume")
    assert " run http://127.0.0.1:20002/v1 " in asked
    assert key == same_key
    assert len(key) == len("key=") + 32
    assert "http://127.0.0.1:20002/health" in (tmp_path / "curl.log").read_text()
    assert (tmp_path / "stopped").read_text() == "stopped\n"


def test_an_array_task_without_a_model_says_so(tmp_path: Path) -> None:
    done = array_task(tmp_path, 3)
    assert done.returncode != 0
    assert done.stderr.endswith(f"no line 3 in {tmp_path}/checkpoints.txt\n")
    assert not (tmp_path / "vllm.log").exists()
