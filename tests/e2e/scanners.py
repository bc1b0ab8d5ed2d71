"""Reads what testssl.sh or sslyze found: scanners.py testssl|sslyze FOLDER. Exits 0 where it is as it must be."""

import json
import sys
from pathlib import Path

# What testssl.sh finds fault with and we do not, with the reason.
ALLOWED = {
    "engine_problem": "Debian's OpenSSL has no GOST, which nobody offers",
    "sessionresumption_ticket": "its client may be gone before the ticket of TLS 1.3 is there; clients.sh resumes sessions",
    "cipher_order": "every cipher there is is strong, so that phones may choose the one that is fast for them: "
    "Mozilla's intermediate profile says the same (server_preferred_order: false)",
}

# What testssl.sh must have looked at, and must have found; where the scan leaves a part out, its lines are missing.
DEMANDED = {
    **{old: "not offered" for old in ("SSLv2", "SSLv3", "TLS1", "TLS1_1")},
    "TLS1_2": "offered",
    "TLS1_3": "offered with final",
    "ALPN_HTTP2": "h2",
    "ALPN": "http/1.1",
    "cert_chain_of_trust": "passed.",
    "certs_countServer": "2",
    "certs_list_ordering_problem": "no",
    "cert_trust": "Ok via SAN",
    "OCSP_stapling": "not offered",
    "TLS_timestamp": "random",
    **{
        hole: "not vulnerable"
        for hole in (
            "heartbleed CCS ticketbleed ROBOT secure_client_renego CRIME_TLS BREACH POODLE_SSL SWEET32 FREAK DROWN "
            "LOGJAM BEAST LUCKY13 RC4"
        ).split()
    },
    "secure_renego": "supported",
    "fallback_SCSV": "no protocol below TLS 1.2 offered",
}

# Where testssl.sh speaks as known clients do.
CLIENTS = {
    "clientsimulation-android_60": "TLSv1.2 ECDHE",
    "clientsimulation-android_12": "TLSv1.3",
    "clientsimulation-safari_154_osx_1231": "TLSv1.3",
    "clientsimulation-java_8u161": "TLSv1.2 ECDHE",
    "clientsimulation-ie_8_win7": "No connection",
}

HARMLESS = {"OK", "INFO", "DEBUG"}


def testssl(folder):
    """Faults, and in how many lines there were none."""
    lines = [line for part in sorted(folder.glob("testssl-*.json")) for line in json.loads(part.read_text())]
    found = {line["id"]: line for line in lines}
    for line in lines:
        if line["severity"] not in HARMLESS and line["id"] not in ALLOWED:
            yield f"{line['id']}: {line['severity']}: {line['finding']}"
    demanded = DEMANDED | (CLIENTS if folder.name == "ecdsa" else {})
    for name, wanted in demanded.items():
        if name not in found:
            yield f"{name}: not looked at"
        elif not found[name]["finding"].startswith(wanted):
            yield f"{name}: {found[name]['finding']}, not {wanted}"
    good = sum(line["severity"] in HARMLESS for line in lines)
    print(f"{len(lines)} findings, {good} of them OK or INFO, allowed: {', '.join(sorted(ALLOWED.keys() & found.keys()))}")


def sslyze(folder):
    """The same of sslyze, whose verdict on Mozilla's profile is in its text alone."""
    text = (folder / "sslyze.log").read_text()
    if "OK - Compliant." not in text or "\nends with" in text:
        yield "not compliant with Mozilla's intermediate profile:\n" + text[text.find("COMPLIANCE") :]
    servers = json.loads((folder / "sslyze.json").read_text())["server_scan_results"]
    results = {name: attempt for name, attempt in servers[0]["scan_result"].items() if attempt["status"] != "NOT_SCHEDULED"}
    for name, attempt in results.items():
        if attempt["status"] != "COMPLETED":
            yield f"{name}: {attempt['status']}"
    for deployment in results["certificate_info"]["result"]["certificate_deployments"]:
        if len(deployment["received_certificate_chain"]) != 2 or not deployment["received_chain_has_valid_order"]:
            yield "the chain is not leaf and intermediate in order"
        if not any(path["was_validation_successful"] for path in deployment["path_validation_results"]):
            yield "no store trusts the chain, ours neither"
    if results["tls_1_3_early_data"]["result"]["supports_early_data"]:
        yield "early data can be replayed"
    hsts = results["http_headers"]["result"]["strict_transport_security_header"]
    # hsts_min_age of the profile, which sslyze itself does not judge.
    if hsts is None or hsts["max_age"] < 63072000:
        yield f"HSTS: {hsts}"
    print(f"{len(results)} scans")


def main():
    scanner, folder = sys.argv[1], Path(sys.argv[2])
    faults = list({"testssl": testssl, "sslyze": sslyze}[scanner](folder))
    print("\n".join(faults))
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
