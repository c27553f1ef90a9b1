"""What runs on GitHub is there, and is what was looked at when it was chosen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))

pytestmark = pytest.mark.skipif(not WORKFLOWS, reason="the source archive holds no workflows")


def steps(workflow: Path) -> list[dict[str, object]]:
    """Return the steps of all jobs of a workflow."""
    jobs = yaml.safe_load(workflow.read_text("utf-8"))["jobs"]
    return [step for job in jobs.values() for step in job["steps"]]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_to_commits_and_say_which_version_that_is(workflow: Path) -> None:
    used = re.findall(r"^\s*-? ?uses: (.+)$", workflow.read_text("utf-8"), re.MULTILINE)
    assert len(used) == len([step for step in steps(workflow) if "uses" in step])
    assert not [u for u in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}  # v[\d.]+", u)]


def test_an_action_is_the_same_commit_everywhere() -> None:
    used = {str(step["uses"]) for path in WORKFLOWS for step in steps(path) if "uses" in step}
    names = [action.split("@")[0] for action in used]
    assert sorted(names) == sorted(set(names))


def test_sessions_that_workflows_run_are_there() -> None:
    sessions = set(re.findall(r"@nox\.session\ndef (\w+)", (ROOT / "noxfile.py").read_text()))
    commands = [str(step.get("run", "")) for path in WORKFLOWS for step in steps(path)]
    asked = {name for command in commands for name in re.findall(r"nox -s (\w+)", command)}
    assert {"lint", "tests", "package"} <= asked <= sessions
