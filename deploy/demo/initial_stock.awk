# From initial_stock.csv to the demo's first events, one JSON object a line: a receipt for each item at each of the 31 stores and at DC00.
BEGIN { FS = "," }

NR > 1 {
    for (store = 0; store <= 31; store++) {
        location = store ? sprintf("ST%02d", store) : "DC00"
        quantity = store ? $2 : $3
        if (quantity > 0)
            printf "{\"id\":\"initial-%s-%s\",\"source\":\"%s\",\"type\":\"receipt\",\"sku\":\"%s\",\"location\":\"%s\",\"quantity\":%d," \
                   "\"occurred_at\":\"2010-12-01T00:00:00Z\"}\n", $1, location, location, $1, location, quantity
    }
}
