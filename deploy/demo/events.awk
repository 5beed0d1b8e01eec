# From the retailer's order lines to stock events, one JSON object a line. -v from=2010-12-01 -v until=2010-12-02: only these days (until: not any more).
# A British order belongs to the store with number 1 + invoice mod 31, any other to DC00; a return or an adjustment follows the same rule.
BEGIN { FS = "," }

NR > 1 && $9 != "SERVICE" && (from == "" || $1 >= from) && (until == "" || $1 < until) {
    number = $2
    gsub(/[^0-9]/, "", number)
    location = $8 == "United Kingdom" ? sprintf("ST%02d", 1 + number % 31) : "DC00"
    type = $9 == "SALE" ? "sale" : $9 == "RETURN" ? "return" : "adjustment"
    quantity = $9 == "RETURN" ? -$5 : $5
    reason = $9 != "ADJUST" ? "" : quantity < 0 ? ",\"reason\":\"written_off\"" : ",\"reason\":\"found\""
    if (quantity != 0)
        printf "{\"id\":\"%s-%s\",\"source\":\"%s\",\"type\":\"%s\",\"sku\":\"%s\",\"location\":\"%s\",\"quantity\":%d," \
               "\"occurred_at\":\"%s\",\"reference\":\"%s\"%s}\n", $2, $3, location, type, toupper($4), location, quantity, $1, $2, reason
}
