"""/api/v1/: the same door for programs.

Same terminal, card, place, purpose, masks and log as the pages; serializers are fed with disclosed
values and know no model.
"""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accesscontrol import operations
from accesscontrol.authentication import viewer_of
from accesscontrol.disclosure import WITHHELD
from accesscontrol.http import problem, refusal_page
from accesscontrol.operations import Attempt
from accesscontrol.purposes import INQUIRY_PURPOSES
from audit.choices import Purpose
from eigyo import inquiries
from eigyo.choices import Match, SearchKind
from eigyo.interpretation import NotSearchable, interpret
from eigyo.records import CAPACITIES, Quantity, Record

NUMBER_PATTERN = r"^\d{22}$"
ROWS_LIMIT = 50


class ProblemSerializer(serializers.Serializer[Any]):
    """RFC 9457."""

    type = serializers.CharField(help_text="問題の種別（about:blank）")
    title = serializers.CharField(help_text="何が起きたか")
    status = serializers.IntegerField(help_text="HTTPステータス")
    detail = serializers.CharField(required=False, help_text="どうすればよいか")
    code = serializers.CharField(
        required=False,
        help_text="判定コード（T-1xx 端末、C-1xx/2xx 職員証、P-1xx 場所、S-503 記録不能）",
    )


class CapacitySerializer(serializers.Serializer[Any]):
    """A capacity with its unit."""

    amount = serializers.DecimalField(
        max_digits=12,
        decimal_places=3,
        coerce_to_string=True,
        help_text="量（小数3桁まで、文字列）",
    )
    unit = serializers.ChoiceField(choices=["A", "kVA", "kW"], help_text="単位")


class RowSerializer(serializers.Serializer[Any]):
    """A row of a list. A key in `masked` is 閲覧対象外; its value is then null, whatever is recorded."""

    number = serializers.RegexField(NUMBER_PATTERN, help_text="供給地点特定番号（22桁の数字）")
    address = serializers.CharField(help_text="供給地点住所")
    own = serializers.BooleanField(help_text="自社分か")
    holder_name = serializers.CharField(allow_null=True, help_text="契約名義")
    contract_capacity = CapacitySerializer(allow_null=True, help_text="契約容量（A・kVA・kW）")
    masked = serializers.ListField(
        child=serializers.CharField(),
        help_text="閲覧対象外の項目名。値の有無や内容とは関係しません。",
    )


class RecordSerializer(RowSerializer):
    """One supply point with every field."""

    postal_code = serializers.CharField(allow_null=True, help_text="郵便番号")
    holder_kana = serializers.CharField(allow_null=True, help_text="契約名義カナ")
    phone = serializers.CharField(allow_null=True, help_text="電話番号")
    voltage_class = serializers.CharField(allow_null=True, help_text="電圧区分（低圧・高圧・特別高圧）")
    load_capacity = CapacitySerializer(allow_null=True, help_text="負荷設備容量（kVA・kW）")
    breaker_capacity = CapacitySerializer(allow_null=True, help_text="主開閉器容量（A）")
    log_number = serializers.IntegerField(help_text="この照会の閲覧記録の番号")


class PageSerializer(serializers.Serializer[Any]):
    """A page of a search."""

    kind = serializers.ChoiceField(choices=SearchKind.choices, help_text="どの項目として探したか")
    match = serializers.ChoiceField(choices=Match.choices, help_text="一致のしかた")
    count = serializers.IntegerField(help_text="件数。exact が false のときは、この数を超える")
    exact = serializers.BooleanField(help_text="件数が正確か（10,000件まで正確）")
    next = serializers.CharField(allow_null=True, help_text="次のページの after の値")
    previous = serializers.CharField(allow_null=True, help_text="前のページの before の値")
    results = RowSerializer(many=True, help_text="このページの供給地点")


class SearchSerializer(serializers.Serializer[Any]):
    """The parameters of a search."""

    q = serializers.RegexField(
        r"^[^\x00]*\S[^\x00]*$", max_length=120, help_text="番号・住所・契約名義・電話番号のいずれか"
    )
    kind = serializers.ChoiceField(
        choices=SearchKind.choices, required=False, help_text="どの項目として探すか（省くと自動）"
    )
    match = serializers.ChoiceField(
        choices=Match.choices, required=False, help_text="一致のしかた（できない組み合わせは自動）"
    )
    own = serializers.BooleanField(required=False, default=False, help_text="自社分だけにする")
    after = serializers.RegexField(NUMBER_PATTERN, required=False, help_text="この番号の次から")
    before = serializers.RegexField(NUMBER_PATTERN, required=False, help_text="この番号の前まで")
    rows = serializers.IntegerField(
        required=False,
        default=ROWS_LIMIT,
        min_value=1,
        max_value=ROWS_LIMIT,
        help_text="1ページの件数",
    )


class SignInSerializer(serializers.Serializer[Any]):
    """Card, PIN and purpose of a program's session."""

    card = serializers.RegexField(r"^\d{10}$", help_text="職員証番号（10桁の数字）")
    pin = serializers.RegexField(r"^\d{6}$", help_text="暗証番号（6桁の数字）", write_only=True)
    purpose = serializers.ChoiceField(
        choices=[(purpose.value, purpose.label) for purpose in (*INQUIRY_PURPOSES, Purpose.REGISTRY)],
        help_text="利用目的（業務に含まれるもの）",
    )
    reference = serializers.RegexField(
        r"^[^\x00]*$",
        max_length=80,
        required=False,
        default="",
        allow_blank=True,
        help_text="受付番号・工事番号・内容（利用目的が求めるときは必須）",
    )


class TokenSerializer(serializers.Serializer[Any]):
    """The token of a session."""

    token = serializers.CharField(help_text="Authorization: Bearer に入れる利用のトークン")


def _problems(*statuses: int) -> dict[Any, Any]:
    words = {
        400: "要求の内容に誤りがある",
        401: "利用が始まっていない、または終わった",
        403: "端末・職員証・場所が一致しない、または業務に含まれない",
        404: "その番号の供給地点はない",
        406: "返せる形式がない",
        415: "受け取れない形式",
        503: "閲覧記録を書けないため何も返さない",
    }
    return {
        (status, "application/problem+json"): OpenApiResponse(ProblemSerializer, description=words[status])
        for status in statuses
    }


class Sessions(APIView):
    """利用の開始."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    entry = "terminal"

    @extend_schema(
        operation_id="start_session",
        summary="利用を始める",
        description=(
            "登録された端末から、職員証と暗証番号と利用目的で利用を始め、トークンを受け取ります。"
            "登録した機器のクッキーで端末を証明しているときは、新しいクッキーも返ります。"
            "次からは新しいクッキーを送ってください。古いクッキーは複製とみなされます。"
        ),
        request=SignInSerializer,
        responses={201: TokenSerializer, **_problems(400, 401, 403, 406, 415, 503)},
        auth=[],
    )
    def post(self, request: Request) -> Any:
        """Sign in as the page does."""
        given = SignInSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        plain: Any = request._request
        attempt = Attempt(given.validated_data["card"], given.validated_data["pin"])
        try:
            token = operations.sign_in(
                attempt,
                terminal=plain.terminal,
                purpose=given.validated_data["purpose"],
                reference=given.validated_data["reference"],
                at=plain.at,
                request=plain.id,
            )
        except operations.SignInFailed:
            return problem(
                401,
                "利用を始められません",
                detail="職員証番号か暗証番号が正しくないか、一時的に止められています。",
                code="C-001",
            )
        except operations.SignInRefused as refused:
            return refusal_page(plain, refused.clearance)
        except ValidationError as error:
            raise serializers.ValidationError(error.message_dict) from error
        plain.use_changed = True
        return Response({"token": token}, status=201)


class SupplyPoints(APIView):
    """供給地点の検索."""

    @extend_schema(
        operation_id="search_supply_points",
        summary="供給地点を検索する",
        description=(
            "返した1行ごとに閲覧記録が残ります。小売の利用では、契約名義と電話番号は自社分だけから探し、"
            "自社分でない地点と存在しない地点は同じ答えになります。"
        ),
        parameters=[SearchSerializer],
        responses={200: PageSerializer, **_problems(400, 401, 403, 406, 503)},
    )
    def get(self, request: Request) -> Response:
        """Search through the read door."""
        asked = SearchSerializer(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        try:
            search = interpret(
                given["q"],
                kind=given.get("kind", ""),
                match=given.get("match", ""),
                own_only=given["own"],
            )
        except NotSearchable as error:
            raise serializers.ValidationError({"q": [str(error)]}) from error
        results = inquiries.search(
            viewer_of(request),
            search,
            after=given.get("after", ""),
            before=given.get("before", ""),
            rows=given["rows"],
        )
        return Response(
            PageSerializer(
                {
                    "kind": search.kind,
                    "match": search.match,
                    "count": results.count,
                    "exact": results.exact,
                    "next": results.after or None,
                    "previous": results.before or None,
                    "results": [plain(record) for record in results.records],
                }
            ).data
        )


class SupplyPoint(APIView):
    """供給地点の照会."""

    @extend_schema(
        operation_id="open_supply_point",
        summary="供給地点を照会する",
        description="1地点のすべての項目を返します。閲覧対象外の項目は masked に名前が入り、値は null です。",
        parameters=[
            OpenApiParameter(
                "number",
                OpenApiTypes.STR,
                OpenApiParameter.PATH,
                pattern=NUMBER_PATTERN,
                examples=[OpenApiExample("番号の例", value="0210000000000000000001")],
                description="供給地点特定番号",
            )
        ],
        responses={200: RecordSerializer, **_problems(401, 403, 404, 406, 503)},
    )
    def get(self, request: Request, number: str) -> Response:
        """Open one point through the read door."""
        record = inquiries.open_point(viewer_of(request), number)
        if record is None:
            raise Http404
        return Response(RecordSerializer(plain(record)).data)


def plain(record: Record) -> dict[str, Any]:
    """Return a disclosed record as the serializers take it: null where withheld, named in `masked`."""
    values = {name: _value(value) for name, value in record.fields.items()}
    for name in CAPACITIES:
        values.setdefault(name, None)
    return {
        **values,
        "number": record.number,
        "own": record.own,
        "log_number": record.log_number,
        "masked": [name for name, value in record.fields.items() if value is WITHHELD],
    }


def _value(value: Any) -> Any:
    if value is WITHHELD:
        return None
    return {"amount": value.amount, "unit": value.unit} if isinstance(value, Quantity) else value
