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
from labiac.provider.shape import snake

if TYPE_CHECKING:
    from pulumi import Inputs, ResourceOptions
    from pulumi.runtime.proto import provider_pb2


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
        from labiac.provider.component import Lab

        if resource_type != "labiac:index:Lab":
            wrong = InputPropertyErrorDetails(property_path="", reason="labiac's component is Lab")
            raise InputPropertiesError(resource_type, [wrong])
        try:
            lab = Lab(name, **{snake(key): value for key, value in inputs.items()}, opts=options)
        except LabError as error:
            raise InputPropertiesError(f"Lab {name}", _details(error)) from error
        state = {"nodes": lab.nodes, "addresses": lab.addresses, "matrix": lab.matrix}
        return ConstructResult(lab.urn, state)


def _details(error: LabError) -> list[InputPropertyErrorDetails]:
    if isinstance(error, ProblemsError):
        return [_detail(problem.field, str(problem)) for problem in error.problems]
    return [_detail("", str(error))]


def _detail(field: str, reason: str) -> InputPropertyErrorDetails:
    return InputPropertyErrorDetails(
        property_path=f"lab.{field}" if field else "lab", reason=reason
    )
