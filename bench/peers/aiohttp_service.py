"""The API as it is usually written: aiohttp, basic authentication, and one MGET per request.

Settings are environment variables: PORT, REDIS_PORT and APP_PASSWORD.
"""

import hmac
import os

import redis.asyncio
from aiohttp import BasicAuth, web

PASSWORD = os.environ["APP_PASSWORD"].encode()
CORS = {"Access-Control-Allow-Origin": "*"}
UNAUTHENTICATED = {"error": "please authenticate to use this API", "error_code": "forbidden"}
CHALLENGE = {"WWW-Authenticate": 'Basic realm="wayhome wrpi", charset="UTF-8"'} | CORS


def is_authenticated(request: web.Request) -> bool:
    try:
        given = BasicAuth.decode(request.headers["Authorization"], encoding="utf-8").password
    except (KeyError, ValueError):
        return False
    return hmac.compare_digest(given.encode(), PASSWORD)


async def wrpi(request: web.Request) -> web.Response:
    if not is_authenticated(request):
        return web.json_response(UNAUTHENTICATED, status=401, headers=CHALLENGE)
    value, calculated_at = await store.mget("wrpi-latest", "wrpi-timestamp")
    body = f'{{"latest_value":{value},"latest_calculation_at":"{calculated_at}"}}'
    return web.Response(text=body, content_type="application/json", headers=CORS)


store = redis.asyncio.Redis(port=int(os.environ["REDIS_PORT"]), decode_responses=True)
app = web.Application()
app.router.add_get("/v0/wrpi", wrpi)
web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]), access_log=None, print=None)
