// Figures, distances and times as people say them.

const LEVELS = {
    in_stock: 'In stock', low_stock: 'Low stock', out_of_stock: 'Sold out', backorder: 'To order', preorder: 'Pre-order',
};

export const levelWord = (level) => LEVELS[level] ?? level ?? '';

export const HAS = new Set(['in_stock', 'low_stock']);

const plain = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 3 });

export const quantity = (value) => (typeof value === 'number' ? plain.format(value) : '');

/** "last one", "3 left", "20+ there": what a shopper wants to know of a number. */
export function left(available, more = false) {
    if (typeof available !== 'number') return '';
    if (available <= 0) return 'none left';
    if (more) return `${quantity(available)} or more`;
    if (available === 1) return 'last one';
    return `${quantity(available)} left`;
}

export function distance(km) {
    if (typeof km !== 'number') return '';
    if (km < 0.995) return `${Math.max(10, Math.round(km * 100) * 10)} m`;
    return km < 9.95 ? `${km.toFixed(1)} km` : `${Math.round(km)} km`;
}

function formatted(instant, zone, options) {
    try {
        return new Intl.DateTimeFormat('en-GB', { ...options, timeZone: zone }).format(instant);
    } catch { // a zone this browser does not know
        return new Intl.DateTimeFormat('en-GB', options).format(instant);
    }
}

export const clock = (instant, zone) => formatted(instant, zone, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });

const dayOf = (instant, zone) => formatted(instant, zone, { year: 'numeric', month: '2-digit', day: '2-digit' });

/** "today 16:30", "tomorrow 10:00", "Tue 24 Nov, 10:00", in the zone where it happens. */
export function when(text, zone, now = Date.now()) {
    const instant = new Date(text);
    if (Number.isNaN(instant.getTime())) return '';
    const day = dayOf(instant, zone);
    if (day === dayOf(now, zone)) return `today ${clock(instant, zone)}`;
    if (day === dayOf(now + 86400e3, zone)) return `tomorrow ${clock(instant, zone)}`;
    return `${formatted(instant, zone, { weekday: 'short', day: 'numeric', month: 'short' })}, ${clock(instant, zone)}`;
}

/** "just now", "40 s ago", "5 min ago", "3 h ago", "12 days ago". */
export function ago(text, now = Date.now()) {
    const seconds = (now - new Date(text).getTime()) / 1000;
    if (Number.isNaN(seconds)) return '';
    if (seconds < 10) return 'just now';
    if (seconds < 60) return `${Math.round(seconds)} s ago`;
    if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min ago`;
    if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h ago`;
    return `${plain.format(Math.round(seconds / 86400))} days ago`;
}

/** 754 → "12:34" */
export const countdown = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;

/** "51.5, -0.12" → {latitude, longitude}; undefined when it is something else. */
export function coordinates(text) {
    const found = /^\s*([-+]?\d{1,2}(?:\.\d+)?)\s*[,;\s]\s*([-+]?\d{1,3}(?:\.\d+)?)\s*$/.exec(text);
    if (!found) return undefined;
    const [latitude, longitude] = [Number(found[1]), Number(found[2])];
    return Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180 ? { latitude, longitude } : undefined;
}

export const near = (place) => `${Number(place.latitude.toFixed(5))},${Number(place.longitude.toFixed(5))}`;

/** 2 → "2 stores" */
export const stores = (n) => `${n} ${n === 1 ? 'store' : 'stores'}`;
