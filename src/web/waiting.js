// "Tell me when it is back": the SKUs somebody waits for, for as long as this tab is open.

const KEPT = 'onhand.waiting';

function read() {
    try {
        return new Set(JSON.parse(sessionStorage.getItem(KEPT) ?? '[]'));
    } catch {
        return new Set();
    }
}

const waited = read();

const keep = () => sessionStorage.setItem(KEPT, JSON.stringify([...waited]));

export const isWaitedFor = (sku) => waited.has(sku);

/** Begins to wait, or stops. True: it waits now. */
export function toggleWaiting(sku) {
    if (!waited.delete(sku)) waited.add(sku);
    keep();
    return waited.has(sku);
}

/** Those of `variants` that are waited for and satisfy `isBack`; they are told once. */
export function takeBack(variants, isBack) {
    const back = variants.filter((variant) => waited.has(variant.sku) && isBack(variant));
    back.forEach((variant) => waited.delete(variant.sku));
    if (back.length) keep();
    return back;
}
