"""What httpx shall trust where nothing is encrypted: nobody. By default it loads all authorities for each client, which
takes 60 ms."""

import ssl

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
