# Two shoes in sizes and colours, made up: awk -v what=items makes a CSV of the variants, -v what=stock -v now=INSTANT receipts, one a line.
# Few pairs a store, as with real shoes: the sizes at the ends are rare, of MARLOW-TAN-43 one store has one pair, of MARLOW-OXBLOOD-45 nobody has any.
# The centre has some of most.
function pairs(variant, size, store, most) {
    most = 6 - (size > 42 ? size - 42 : 42 - size)
    return most - (variant * 31 + size * 17 + store * store * 3 + store * (size + variant)) % 7
}
function stock(sku, variant, size, store) {
    if (sku == "MARLOW-OXBLOOD-45" && store >= 0)
        return 0
    if (sku == "MARLOW-TAN-43" && store)
        return store == 5 ? 1 : 0
    return store ? pairs(variant, size, store) : size >= 40 && size <= 44 ? 12 : 0
}
function variant_of(number, product, name, colour, sku, size, store, location, n) {
    for (size = 39; size <= 45; size++) {
        sku = product "-" toupper(colour) "-" size
        if (what == "items")
            printf "%s,%s,%s,%s,%d,1\n", sku, name, product, colour, size
        for (store = 0; what == "stock" && store <= 31; store++) {
            location = store ? sprintf("ST%02d", store) : "DC00"
            n = stock(sku, number, size, store)
            if (n > 0)
                printf "{\"id\":\"shoes-%s-%s\",\"source\":\"%s\",\"type\":\"receipt\",\"sku\":\"%s\",\"location\":\"%s\",\"quantity\":%d,\"occurred_at\":\"%s\"}\n",
                    sku, location, location, sku, location, n, now
        }
    }
}
BEGIN {
    if (what == "items")
        print "sku,name,product,colour,size,step"
    variant_of(1, "MARLOW", "Marlow derby shoe", "black")
    variant_of(2, "MARLOW", "Marlow derby shoe", "tan")
    variant_of(3, "MARLOW", "Marlow derby shoe", "oxblood")
    variant_of(4, "KESTREL", "Kestrel runner", "white")
    variant_of(5, "KESTREL", "Kestrel runner", "ink")
}
