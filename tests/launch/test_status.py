"""What Ray's dashboard says of the application becomes states."""

from __future__ import annotations

from serve_app.launch.status import application_state


def test_a_failed_deployment_is_told_with_its_message() -> None:
    state = application_state(
        {
            "status": "DEPLOY_FAILED",
            "message": "Failed to update the deployments ['smollm2-135m-w8a8'].",
            "deployments": {
                "smollm2-135m-w8a8": {
                    "status": "UNHEALTHY",
                    "message": "The deployment failed to start 3 times in a row.",
                    "replicas": [{"state": "STARTING"}],
                },
                "Ingress": {"status": "HEALTHY", "replicas": [{"state": "RUNNING"}]},
            },
        }
    )
    assert state.failed
    assert not state.running
    assert [(d.name, d.running) for d in state.deployments] == [
        ("smollm2-135m-w8a8", 0),
        ("Ingress", 1),
    ]


def test_a_running_application_has_not_failed() -> None:
    state = application_state({"status": "RUNNING", "message": "", "deployments": {}})
    assert state.running
    assert not state.failed
