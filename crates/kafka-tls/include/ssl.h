// Put behind AWS-LC's <openssl/ssl.h> by build.rs: what librdkafka expects of OpenSSL, and AWS-LC does otherwise.
#if !defined(HEADWATER_KAFKA_TLS_H) && !defined(BORINGSSL_IMPLEMENTATION)
#define HEADWATER_KAFKA_TLS_H

#include <string.h>

#include <openssl/err.h>
// OpenSSL's headers include it; librdkafka relies on it.
#include <openssl/hmac.h>
#include <openssl/x509v3.h>

// The certificate of a broker that is called by its address must have the address, as with OpenSSL 3. An IPv6 address
// stands in brackets.
static inline int headwater_set1_host(SSL *ssl, const char *host) {
  char address[64];
  size_t len = strlen(host);
  if (len > 2 && len < sizeof(address) && host[0] == '[' && host[len - 1] == ']') {
    memcpy(address, host + 1, len - 2);
    address[len - 2] = '\0';
    host = address;
  }
  ASN1_OCTET_STRING *ip = a2i_IPADDRESS(host);
  if (ip == NULL) {
    ERR_clear_error();
    return SSL_set1_host(ssl, host);
  }
  ASN1_OCTET_STRING_free(ip);
  return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
}
#define SSL_set1_host(ssl, host) headwater_set1_host(ssl, host)

// Says why a certificate was refused.
static inline int headwater_do_handshake(SSL *ssl) {
  int done = SSL_do_handshake(ssl);
  long verdict = SSL_get_verify_result(ssl);
  if (done != 1 && verdict != X509_V_OK && ERR_peek_last_error() != 0) {
    ERR_add_error_data(1, X509_verify_cert_error_string(verdict));
  }
  return done;
}
#define SSL_do_handshake(ssl) headwater_do_handshake(ssl)

#endif
