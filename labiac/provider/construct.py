"""A Lab for a program in any language: the same component, run by the plugin.

The SDK keeps what it knows of the running program in context variables, and the server gives each
request a context of its own, so any number of Labs can be under construction at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pulumi.errors import InputPropertiesError, InputPropertyErrorDetails
from pulumi.provider import ConstructResult, Provider
from pulumi.provider.server import ProviderServicer

from labiac import __version__
from labiac.errors import LabError, ProblemsError
from labiac.provider.component import Lab
from labiac.provider.shape import snake

if TYPE_CHECKING:
    from pulumi import Inputs, ResourceOptions
    from pulumi.runtime.proto import provider_pb2

    from labiac.plan.model import Plan

TAKES = {"lab", "student", "backend", "directory", "host", "timeoutSeconds"}
"""What a program may say of a Lab."""


async def construct(
    request: provider_pb2.ConstructRequest, context: Any, engine: str
) -> provider_pb2.ConstructResponse:
    """Return the component that *request* describes, once all its children are declared.

    Args:
        request: The engine's.
        context: Of gRPC.
        engine: Address of the engine.
    """
    return await ProviderServicer(_Labs(__version__), [], engine).Construct(request, context)


class _Labs(Provider):
    """What the SDK's server asks for components."""

    def construct(
        self,
        name: str,
        resource_type: str,
        inputs: Inputs,
        options: ResourceOptions | None = None,
    ) -> ConstructResult:
        """Declare the children of the Lab called *name*.

        Raises:
            InputPropertiesError: with every problem of the description.
        """
        wrong = [
            _detail(key, f"is no property of {resource_type}") for key in inputs.keys() - TAKES
        ]
        if "lab" not in inputs:
            wrong.append(_detail("lab", "is required: which lab?"))
        if wrong:
            raise InputPropertiesError(f"Lab {name} cannot be", wrong)
        lab = _ConstructedLab(
            name, **{snake(key): value for key, value in inputs.items()}, opts=options
        )
        return ConstructResult(lab.urn, lab.outputs)


class _ConstructedLab(Lab):
    """A Lab whose problems are told as Pulumi tells those of any resource."""

    def _planned(self, known: dict[str, Any]) -> Plan:
        try:
            return super()._planned(known)
        except ProblemsError as error:
            wrong = [_detail(_path(each.field), str(each)) for each in error.problems]
        except LabError as error:
            wrong = [_detail("lab", str(error))]
        raise InputPropertiesError(f"Lab {self.pulumi_resource_name} cannot be", wrong)


def _path(field: str) -> str:
    return f"lab.{field}" if field else "lab"


def _detail(path: str, reason: str) -> InputPropertyErrorDetails:
    return InputPropertyErrorDetails(property_path=path, reason=reason)
