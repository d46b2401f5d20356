"""POST /v1/phrases: what would become of a list of phrases, without any sound."""

from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from nemocli.boosting.phrases import describe_phrases, explain_unspelled
from nemocli.server.fields import Fields
from nemocli.server.phrases import read_phrases
from nemocli.server.service import Service
from nemocli.server.uploads import open_form

#: What a form should have, for the sentences about a form that cannot be read.
FIELD, CONTENT = "keywords", "phrases"


async def describe_list(request: Request) -> Response:
    """Return what documents say of a form's phrases with the server's own, and what has no effect.

    The form has the fields of a transcription; without any, it is the server's own list.
    """
    service: Service = request.app.state.service
    async with service.count_connection(), open_form(request, service, FIELD, CONTENT) as form:
        requested = read_phrases(Fields(form), service.settings.phrases)
        warnings = list(requested.warnings)
        find = service.transcriber.find_unspelled
        unspelled = await service.run_live(lambda: find(requested.phrases))
        if unspelled:
            warnings.append(explain_unspelled(unspelled, len(requested.phrases)))
        described = describe_phrases(requested.phrases)
        answer = {"phrases": asdict(described) if described else None, "warnings": warnings}
        return JSONResponse(answer)
