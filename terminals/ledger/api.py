"""POST /api/v1/ledger/: the terminal contractor's program delivers 端末配備先情報.

Same terminal, card and duty as the page; a person still confirms what was delivered.
"""

from tempfile import SpooledTemporaryFile
from typing import Any, cast

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accesscontrol.authentication import HasPermission, viewer_of
from accesscontrol.http import problem
from accesscontrol.models import Staff
from terminals.choices import KEEP, Channel, FileState
from terminals.ledger import operations, queries
from terminals.models import LedgerFile

ERRORS_SHOWN = 1000
FILE_NAME = "ledger.csv"
_CHUNK = 1 << 20  # bytes


class CsvParser(BaseParser):
    """Take a CSV body into a file that can be read twice, never more of it than a ledger may have."""

    media_type = "text/csv"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> dict[str, Any]:
        """Return the body as a file."""
        body = SpooledTemporaryFile(_CHUNK)  # noqa: SIM115  # goes with the request
        left = settings.LEDGER_SIZE_LIMIT + 1
        while left > 0 and (chunk := stream.read(min(_CHUNK, left))):
            body.write(chunk)
            left -= len(chunk)
        body.seek(0)
        return {"file": body}


class MayDeliver(HasPermission):
    """Open to the duties that deliver the ledger."""

    permission = KEEP
    message = "いまの所属の業務では、端末配備先情報を届けられません。"


class DeliverySerializer(serializers.Serializer[Any]):
    """What goes with the file, in the query."""

    as_of = serializers.DateField(
        input_formats=["%Y-%m-%d"], help_text="基準日：この台帳が、いつの時点の配備先を表すか"
    )
    file_name = serializers.RegexField(
        r"^[^\x00-\x1f\x7f]*$", max_length=200, default=FILE_NAME, help_text="ファイル名（記録に残す）"
    )


class DeliveredFileSerializer(serializers.Serializer[Any]):
    """A delivery as a form."""

    file = serializers.FileField(help_text="端末配備先情報のCSV（CP932またはUTF-8、台帳の全体）")


class ReceiptSerializer(serializers.Serializer[Any]):
    """What the check found in a delivery that waits for confirmation."""

    id = serializers.IntegerField(help_text="受け取りの番号（/ledger/番号/ で内容を確認する）")
    as_of = serializers.DateField(help_text="基準日")
    rows = serializers.IntegerField(help_text="行数")
    encoding = serializers.CharField(help_text="見分けた文字コード（cp932・utf-8・utf-8-sig）")
    sha256 = serializers.CharField(help_text="受け取った内容のSHA-256（16進数）")
    state = serializers.ChoiceField(
        choices=[(FileState.CHECKED.value, FileState.CHECKED.label)], help_text="確認待ち"
    )


class LedgerErrorSerializer(serializers.Serializer[Any]):
    """One fault of a delivery."""

    line = serializers.IntegerField(help_text="行（1行目は列名）")
    column = serializers.CharField(allow_blank=True, help_text="列名（行の全体なら空）")
    message = serializers.CharField(help_text="誤りの内容と直し方")


class LedgerProblemSerializer(serializers.Serializer[Any]):
    """RFC 9457, with the faults by row and column."""

    type = serializers.CharField(help_text="問題の種別（about:blank）")
    title = serializers.CharField(help_text="何が起きたか")
    status = serializers.IntegerField(help_text="HTTPステータス")
    detail = serializers.CharField(required=False, help_text="どうすればよいか")
    code = serializers.CharField(required=False, help_text="判定コード")
    id = serializers.IntegerField(required=False, help_text="不採用として残した受け取りの番号")
    bad_rows = serializers.IntegerField(required=False, help_text="誤りのある行の数")
    rows = LedgerErrorSerializer(
        many=True, required=False, help_text=f"行と列ごとの誤り（はじめの{ERRORS_SHOWN:,}件）"
    )


def _problems() -> dict[Any, Any]:
    words = {
        400: "台帳に誤りがあり、不採用として残した。または要求に誤りがある",
        401: "利用が始まっていない、または終わった",
        403: "端末・職員証・場所が一致しない、または業務に含まれない",
        406: "返せる形式がない",
        415: "受け取れない形式",
        503: "データベースを利用できない",
    }
    return {
        (status, "application/problem+json"): OpenApiResponse(LedgerProblemSerializer, description=about)
        for status, about in words.items()
    }


class Ledger(APIView):
    """端末配備先情報の受け取り."""

    parser_classes = (CsvParser, MultiPartParser)
    permission_classes = (MayDeliver,)

    @extend_schema(
        operation_id="deliver_ledger",
        summary="端末配備先情報を届ける",
        description=(
            "台帳の全体を1つのCSVで届けます。すべての行を検査し、1行でも誤りがあれば全体を不採用にして、"
            "誤りを行と列ごとに返します。誤りがなければ、端末管理の担当が画面で確認してから反映します。"
        ),
        parameters=[DeliverySerializer],
        request={"text/csv": OpenApiTypes.BINARY, "multipart/form-data": DeliveredFileSerializer},
        responses={201: ReceiptSerializer, **_problems()},
    )
    def post(self, request: Request) -> Any:
        """Take a delivery in."""
        body = _body(request)
        asked = DeliverySerializer(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        file = operations.receive(
            body,
            file_name=asked.validated_data["file_name"],
            as_of=asked.validated_data["as_of"],
            channel=Channel.API,
            by=cast(Staff, request.user),
            at=viewer_of(request).at,
        )
        if file.state == FileState.REFUSED:
            return _refusal(file)
        return Response(ReceiptSerializer(file).data, status=201)


def _body(request: Request) -> Any:
    """Return the delivered file, whichever way it came."""
    data: Any = request.data
    given = data.get("file")
    if isinstance(given, SpooledTemporaryFile):
        return given
    form = DeliveredFileSerializer(data=data)
    form.fields["file"].allow_empty_file = True  # type: ignore[attr-defined]  # kept, as refused
    form.is_valid(raise_exception=True)
    return form.validated_data["file"].file


def _refusal(file: LedgerFile) -> HttpResponse:
    found = queries.row_errors(file)
    rows = [
        {"line": error.line, "column": error.column, "message": error.message}
        for error, _ in zip(found, range(ERRORS_SHOWN), strict=False)
    ]
    return problem(
        400, "台帳を採用できません", detail=file.outcome, id=file.pk, bad_rows=file.bad_rows, rows=rows
    )
