"""The three modules of the package shopifyapi that are sound, without the rest of it.

``import shopify`` runs 128 modules for 2.5 MB and 60 ms, and brings a REST client with global state that
nothing here may use. The check of domains, the algebra of scopes and the versions stand in files of their
own, which need none of that.
"""

from __future__ import annotations

from connector.sdk.packages import module_alone

_access = module_alone("shopify", "api_access.py")
ApiAccess = _access.ApiAccess
ApiAccessError: type[Exception] = _access.ApiAccessError
Release = module_alone("shopify", "api_version.py").Release
sanitize_shop_domain = module_alone("shopify", "utils/shop_url.py").sanitize_shop_domain
