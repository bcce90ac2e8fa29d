from labiac.fleet.events import Recorder

URN = "urn:pulumi:three-lans.ana::labiac::labiac:index:Lab$labiac:index:Machine::three-lans-pc1"


def heard(*events):
    news = []
    recorder = Recorder(news.append)
    for event in events:
        recorder.record(event)
    return recorder, news


def step(kind: str, **metadata):
    told = {"urn": URN, "type": "labiac:index:Machine", "op": "update", "old": None, "new": None}
    return {kind: {"metadata": told | metadata}}


def said(text: str, severity: str = "error", **more):
    return {"diagnosticEvent": {"message": text, "severity": severity, "urn": URN} | more}


def test_a_step_tells_the_resource_what_happens_and_how_far_it_is():
    _, (running, done) = heard(
        step("resourcePreEvent", new={"inputs": {"cpus": 2}}),
        step("resOutputsEvent", new={"outputs": {"cpus": 2}}, old={"outputs": {"cpus": 1}}),
    )
    assert (running.name, running.op, running.state) == ("three-lans-pc1", "update", "running")
    assert running.inputs == {"cpus": 2}
    assert (done.state, done.before, done.outputs) == ("done", {"cpus": 1}, {"cpus": 2})


def test_the_last_step_of_a_resource_is_the_one_that_is_kept():
    recorder, _ = heard(step("resourcePreEvent"), step("resOpFailedEvent"))
    assert [kept.state for kept in recorder.steps.values()] == ["failed"]


def test_colours_and_the_engines_own_debugging_are_left_out():
    recorder, news = heard(
        said("<{%fg 1%}>no route<{%reset%}>\n"), said("registering resource", severity="debug")
    )
    assert [message.text for message in news] == ["no route"]
    assert [message.text for message in recorder.messages] == ["no route"]


def test_a_line_of_progress_is_told_and_not_kept():
    recorder, (message,) = heard(said("measuring", severity="info", ephemeral=True))
    assert message.passing
    assert recorder.messages == []


def test_the_engines_last_word_on_a_failure_adds_nothing():
    assert heard(said("update failed"))[0].messages == []


def test_a_lone_reason_why_a_resource_is_half_made_is_told_without_the_list_around_it():
    problem = "incus pc1: member two does not answer\n  fix: switch it on"
    _, (one, two) = heard(
        said(f"1 error occurred:\n\t* {problem}\n\n"),
        said("2 errors occurred:\n\t* this\n\t* that\n\n"),
    )
    assert one.text == problem
    assert two.text == "2 errors occurred:\n\t* this\n\t* that"


def test_the_summary_counts_what_was_done():
    recorder, _ = heard({"summaryEvent": {"resourceChanges": {"create": 9, "same": 2}}})
    assert recorder.changes == {"create": 9, "same": 2}


def test_events_of_no_interest_are_dropped():
    recorder, news = heard({"preludeEvent": {}}, {"cancelEvent": {}}, {"summaryEvent": {}})
    assert (news, recorder.changes) == ([], {})
