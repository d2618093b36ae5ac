"""POST /api/v1/room-entries/: a delivery of entry records by the keeper's program."""

from typing import Any

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accesscontrol.authentication import HasPermission, viewer_of
from accesscontrol.http import problem
from audit.textfile import Unreadable
from terminals.choices import KEEP, Channel
from terminals.rooms import operations
from terminals.rooms.exchange import HEADER

MOST_ERRORS = 1_000


class CsvParser(BaseParser):
    """The file as it is, up to one byte more than is taken."""

    media_type = "text/csv"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Return the bytes of the body."""
        return stream.read(settings.ROOM_ENTRY_SIZE_LIMIT + 1)


class MayKeep(HasPermission):
    """Open to whoever keeps the terminals (管理個所)."""

    permission = KEEP
    message = "いまの所属の業務では、入退室記録を届けられません。"


class RoomEntriesTakenSerializer(serializers.Serializer[Any]):
    """What came of a delivery."""

    file = serializers.IntegerField(help_text="受け取りの番号")
    sha256 = serializers.CharField(help_text="ファイルのSHA-256")
    rows = serializers.IntegerField(help_text="行数")
    repeated = serializers.IntegerField(help_text="重複として除いた行数")
    missing_exits = serializers.IntegerField(help_text="退室の記録がない行数")
    closed = serializers.IntegerField(help_text="あとから退室が分かった記録の数")
    is_known = serializers.BooleanField(help_text="同じ内容をすでに受け取っているか（何も変えない）")


class RoomEntries(APIView):
    """入退室記録."""

    permission_classes = (MayKeep,)
    parser_classes = (CsvParser,)

    @extend_schema(
        operation_id="deliver_room_entries",
        summary="入退室記録を届ける",
        description=(
            f"本文は1行目が列名（{'、'.join(HEADER)}）のCSV（UTF-8またはCP932）です。"
            "誤りのある行が1つでもあれば何も取り込まず、行と列ごとに返します。"
            "同じ内容をもう一度届けても何も変わりません。"
        ),
        parameters=[
            OpenApiParameter("name", OpenApiTypes.STR, description="ファイル名（受け取りの一覧に出ます）")
        ],
        request={"text/csv": OpenApiTypes.BINARY},
        responses={
            200: RoomEntriesTakenSerializer,
            201: RoomEntriesTakenSerializer,
            **{
                (status, "application/problem+json"): OpenApiResponse(OpenApiTypes.OBJECT, description=words)
                for status, words in (
                    (400, "ファイルに誤りがある"),
                    (401, "利用が始まっていない、または終わった"),
                    (403, "端末・職員証・場所が一致しない、または業務に含まれない"),
                    (406, "返せる形式がない"),
                    (415, "受け取れない形式"),
                    (503, "記録を書けないため何も受け取らない"),
                )
            },
        },
    )
    def post(self, request: Request) -> Any:
        """Take a delivery as the page does."""
        plain: Any = request._request
        content: Any = request.data
        if len(content) > settings.ROOM_ENTRY_SIZE_LIMIT:
            return _refusal(f"{settings.ROOM_ENTRY_SIZE_LIMIT >> 20}MB以内のファイルに分けてください。")
        try:
            taken = operations.take_entries(
                content,
                file_name=request.query_params.get("name", "").replace("\x00", "") or "room-entries.csv",
                channel=Channel.API,
                by=plain.user,
                at=viewer_of(request).at,
            )
        except Unreadable as error:
            return _refusal(str(error))
        except operations.EntriesRefused as refused:
            return _refusal(str(refused), errors=[error._asdict() for error in refused.errors[:MOST_ERRORS]])
        file = taken.file
        body = {
            "file": file.pk,
            "sha256": file.sha256,
            "rows": file.rows,
            "repeated": file.repeated,
            "missing_exits": file.missing_exits,
            "closed": taken.closed,
            "is_known": taken.is_known,
        }
        return Response(RoomEntriesTakenSerializer(body).data, status=200 if taken.is_known else 201)


def _refusal(detail: str, **more: Any) -> Any:
    return problem(400, "要求の内容に誤りがあります", detail=detail, **more)
