/* Header names: the ones we know have an id, a canonical long form and perhaps a compact one (RFC 3261 section 7.3.3 and the
 * IANA registry). SIP_NAMES lists them by length, then by letter, which the look-up relies on. */
#ifndef SIP_NAMES_H
#define SIP_NAMES_H

#include "sip_base.h"

/* SIP_NAME(id, long form) */
#define SIP_NAMES \
    SIP_NAME(SIP_TO, "To") \
    SIP_NAME(SIP_VIA, "Via") \
    SIP_NAME(SIP_CSEQ, "CSeq") \
    SIP_NAME(SIP_DATE, "Date") \
    SIP_NAME(SIP_FROM, "From") \
    SIP_NAME(SIP_JOIN, "Join") \
    SIP_NAME(SIP_PATH, "Path") \
    SIP_NAME(SIP_RACK, "RAck") \
    SIP_NAME(SIP_RSEQ, "RSeq") \
    SIP_NAME(SIP_ALLOW, "Allow") \
    SIP_NAME(SIP_EVENT, "Event") \
    SIP_NAME(SIP_ROUTE, "Route") \
    SIP_NAME(SIP_ACCEPT, "Accept") \
    SIP_NAME(SIP_MIN_SE, "Min-SE") \
    SIP_NAME(SIP_REASON, "Reason") \
    SIP_NAME(SIP_SERVER, "Server") \
    SIP_NAME(SIP_CALL_ID, "Call-ID") \
    SIP_NAME(SIP_CONTACT, "Contact") \
    SIP_NAME(SIP_EXPIRES, "Expires") \
    SIP_NAME(SIP_PRIVACY, "Privacy") \
    SIP_NAME(SIP_REQUIRE, "Require") \
    SIP_NAME(SIP_SUBJECT, "Subject") \
    SIP_NAME(SIP_WARNING, "Warning") \
    SIP_NAME(SIP_IDENTITY, "Identity") \
    SIP_NAME(SIP_PRIORITY, "Priority") \
    SIP_NAME(SIP_REFER_TO, "Refer-To") \
    SIP_NAME(SIP_REPLACES, "Replaces") \
    SIP_NAME(SIP_REPLY_TO, "Reply-To") \
    SIP_NAME(SIP_SIP_ETAG, "SIP-ETag") \
    SIP_NAME(SIP_CALL_INFO, "Call-Info") \
    SIP_NAME(SIP_DIVERSION, "Diversion") \
    SIP_NAME(SIP_RECV_INFO, "Recv-Info") \
    SIP_NAME(SIP_REFER_SUB, "Refer-Sub") \
    SIP_NAME(SIP_SUPPORTED, "Supported") \
    SIP_NAME(SIP_TIMESTAMP, "Timestamp") \
    SIP_NAME(SIP_ALERT_INFO, "Alert-Info") \
    SIP_NAME(SIP_ERROR_INFO, "Error-Info") \
    SIP_NAME(SIP_USER_AGENT, "User-Agent") \
    SIP_NAME(SIP_GEOLOCATION, "Geolocation") \
    SIP_NAME(SIP_IN_REPLY_TO, "In-Reply-To") \
    SIP_NAME(SIP_MAX_BREADTH, "Max-Breadth") \
    SIP_NAME(SIP_MIN_EXPIRES, "Min-Expires") \
    SIP_NAME(SIP_REFERRED_BY, "Referred-By") \
    SIP_NAME(SIP_RETRY_AFTER, "Retry-After") \
    SIP_NAME(SIP_UNSUPPORTED, "Unsupported") \
    SIP_NAME(SIP_ALLOW_EVENTS, "Allow-Events") \
    SIP_NAME(SIP_CONTENT_TYPE, "Content-Type") \
    SIP_NAME(SIP_HISTORY_INFO, "History-Info") \
    SIP_NAME(SIP_INFO_PACKAGE, "Info-Package") \
    SIP_NAME(SIP_MAX_FORWARDS, "Max-Forwards") \
    SIP_NAME(SIP_MIME_VERSION, "MIME-Version") \
    SIP_NAME(SIP_ORGANIZATION, "Organization") \
    SIP_NAME(SIP_RECORD_ROUTE, "Record-Route") \
    SIP_NAME(SIP_SIP_IF_MATCH, "SIP-If-Match") \
    SIP_NAME(SIP_USER_TO_USER, "User-to-User") \
    SIP_NAME(SIP_AUTHORIZATION, "Authorization") \
    SIP_NAME(SIP_IDENTITY_INFO, "Identity-Info") \
    SIP_NAME(SIP_PROXY_REQUIRE, "Proxy-Require") \
    SIP_NAME(SIP_SERVICE_ROUTE, "Service-Route") \
    SIP_NAME(SIP_TARGET_DIALOG, "Target-Dialog") \
    SIP_NAME(SIP_ACCEPT_CONTACT, "Accept-Contact") \
    SIP_NAME(SIP_CONTENT_LENGTH, "Content-Length") \
    SIP_NAME(SIP_REJECT_CONTACT, "Reject-Contact") \
    SIP_NAME(SIP_ACCEPT_ENCODING, "Accept-Encoding") \
    SIP_NAME(SIP_ACCEPT_LANGUAGE, "Accept-Language") \
    SIP_NAME(SIP_REMOTE_PARTY_ID, "Remote-Party-ID") \
    SIP_NAME(SIP_SECURITY_CLIENT, "Security-Client") \
    SIP_NAME(SIP_SECURITY_SERVER, "Security-Server") \
    SIP_NAME(SIP_SECURITY_VERIFY, "Security-Verify") \
    SIP_NAME(SIP_SESSION_EXPIRES, "Session-Expires") \
    SIP_NAME(SIP_CONTENT_ENCODING, "Content-Encoding") \
    SIP_NAME(SIP_CONTENT_LANGUAGE, "Content-Language") \
    SIP_NAME(SIP_WWW_AUTHENTICATE, "WWW-Authenticate") \
    SIP_NAME(SIP_P_CHARGING_VECTOR, "P-Charging-Vector") \
    SIP_NAME(SIP_RESOURCE_PRIORITY, "Resource-Priority") \
    SIP_NAME(SIP_PROXY_AUTHENTICATE, "Proxy-Authenticate") \
    SIP_NAME(SIP_SUBSCRIPTION_STATE, "Subscription-State") \
    SIP_NAME(SIP_AUTHENTICATION_INFO, "Authentication-Info") \
    SIP_NAME(SIP_CONTENT_DISPOSITION, "Content-Disposition") \
    SIP_NAME(SIP_P_ASSERTED_IDENTITY, "P-Asserted-Identity") \
    SIP_NAME(SIP_PROXY_AUTHORIZATION, "Proxy-Authorization") \
    SIP_NAME(SIP_REQUEST_DISPOSITION, "Request-Disposition") \
    SIP_NAME(SIP_P_PREFERRED_IDENTITY, "P-Preferred-Identity") \
    SIP_NAME(SIP_P_ACCESS_NETWORK_INFO, "P-Access-Network-Info")

#define SIP_NAME(id, name) id,
/* SIP_REQUEST_URI is no header: faults of the start line's URI are told by it. */
enum sip_name { SIP_OTHER = 0, SIP_NAMES SIP_NAME_COUNT, SIP_REQUEST_URI = SIP_NAME_COUNT };
#undef SIP_NAME

/* Id of a header name in any case, long or compact; SIP_OTHER when unknown. The name must be made of token characters. */
enum sip_name sip_name_find(struct sip_slice name);

/* Canonical long form; empty for SIP_OTHER. */
struct sip_slice sip_name_text(enum sip_name id);

#endif
