"""The log names the repository and tag of each step, and an unchanged reconcile is no line of it."""

from structlog.testing import capture_logs

from tests.line import Line

NAMED = ("rollout.submitting", "rollout.submitted", "rollout.ended")


async def test_a_deploy_names_what_it_deploys_and_checks_without_a_change_are_silent(running: Line) -> None:
    await running.start()
    with capture_logs() as logs:
        for _ in range(3):
            await running.make_due_and_wake()
            await running.quiet()
    assert [each for each in logs if each["log_level"] != "debug"] == []
    assert "decision.made" in {each["event"] for each in logs}
    with capture_logs() as logs:
        digest = await running.push("app", "v1.1.0")
        await running.deployed("app", f"team/app:v1.1.0@{digest}")
        await running.held("app", "up_to_date")
        await running.quiet()
    told = [each for each in logs if each["log_level"] == "info"]
    assert [each["event"] for each in told if each["event"] in NAMED] == list(NAMED)
    assert {tuple(each["what"]) for each in told if each["event"] in NAMED} == {("team/app:v1.1.0",)}
    decisions = [(each["watch"], each["tag"], each["message"]) for each in told if each["event"] == "decision.made"]
    assert len(decisions) == len(set(decisions)) >= 2, decisions
