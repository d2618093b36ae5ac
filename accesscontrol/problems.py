"""Every error of the API as an RFC 9457 problem document, in Japanese, without a trace."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from rest_framework import exceptions

from accesscontrol.duties import OutsideDuty
from accesscontrol.http import NOT_SHOWN, problem

TITLES = {
    400: "要求の内容に誤りがあります",
    401: "利用が始まっていません",
    403: "この操作は、いまの所属の業務に含まれていません",
    404: "見つかりません",
    405: "この操作はできません",
    406: "返せる形式がありません",
    415: "受け取れない形式です",
    429: "要求が多すぎます",
}


def problem_details(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """Turn an error into a problem document; anything unexpected is left to fail closed."""
    if isinstance(error, Http404):
        return problem(404, TITLES[404], detail="この番号の供給地点はありません。")
    if isinstance(error, OutsideDuty):
        error = exceptions.PermissionDenied(str(error))
    if isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied(
            "いまの所属の業務では、お客さま情報を照会できません。", code=NOT_SHOWN
        )
    if not isinstance(error, exceptions.APIException):
        return None
    status = error.status_code
    more: dict[str, Any] = {}
    if isinstance(error, exceptions.ValidationError):
        more["errors"] = _errors(error.detail)
        detail = "誤りのある項目を直して、もう一度送ってください。"
    else:
        detail = str(error.detail)
    title = "照会できません" if error.get_codes() == NOT_SHOWN else TITLES.get(status, "要求を処理できません")
    answer = problem(status, title, detail=detail, **more)
    if status == 401:
        answer["WWW-Authenticate"] = "Bearer"
    if isinstance(error, exceptions.MethodNotAllowed):
        answer["Allow"] = ", ".join(context["view"].allowed_methods)
    return answer


def _errors(detail: Any) -> list[dict[str, str]]:
    if isinstance(detail, dict):
        return [
            {"field": str(field), "message": str(message)}
            for field, messages in detail.items()
            for message in (messages if isinstance(messages, list) else [messages])
        ]
    return [{"field": "", "message": str(message)} for message in detail]
