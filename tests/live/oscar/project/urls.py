"""The API, and an address for what a merchant does in Oscar's dashboard."""

from django.apps import apps
from django.http import HttpRequest, JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from oscar.core.loading import get_model


@csrf_exempt
def move(request: HttpRequest, number: int, status: str) -> JsonResponse:
    """As the dashboard does."""
    get_model("order", "Order").objects.get(pk=number).set_status(status)
    return JsonResponse({})


urlpatterns = [
    path("api/", include("oscarapi.urls")),
    path("merchant/<int:number>/<str:status>/", move),
    path("", include(apps.get_app_config("oscar").urls[0])),
]
