<?php
// SPDX-License-Identifier: MIT
// PHP 8.2, with its compiler switched on:
//
//     php -n -d zend_extension=opcache -d opcache.enable_cli=1 -d opcache.jit=tracing \
//         -d opcache.jit_buffer_size=64M -d memory_limit=-1 bench/peers/php.php trees 14
//
// Without it trees takes 62 ns a node instead of 42, rings10 75 instead of 58. The properties have
// no types, because checking them costs more than knowing them gains: trees 37 ns instead of 42,
// rings10 48 instead of 58, the others about the same. Functions, because with methods trees takes
// twice as long, and a constructor more than that.

declare(strict_types=1);

const OBJECTS = 1000000;

final class Node
{
    public $left = null;
    public $right = null;
}

final class Box
{
    public $left = null;
    public $right = null;
    public $first = 0;
    public $second = 0;
}

$running = ''; // the workload, for the figures

function fail(string $why): never
{
    global $running;
    fwrite(STDERR, "bench: php: $running: $why\n");
    exit(1);
}

function now(): int
{
    $usage = getrusage();
    return ($usage['ru_utime.tv_sec'] + $usage['ru_stime.tv_sec']) * 1000000000
        + ($usage['ru_utime.tv_usec'] + $usage['ru_stime.tv_usec']) * 1000;
}

function report(string $metric, float $value, int $check): void
{
    global $running;
    printf("php\t%s\t%s\t%.4F\t%d\n", $running, $metric, $value, $check);
}

function report_ns(int $ns, int $count, int $check): void
{
    report('ns', $ns / $count, $check);
}

// The random numbers and the shuffle of bench.h.

function below(int &$state, int $bound): int
{
    $x = $state;
    $x ^= $x << 13 & 0xffffffff;
    $x ^= $x >> 17;
    $x ^= $x << 5 & 0xffffffff;
    $state = $x;
    return $x * $bound >> 32;
}

function shuffled(int $count): array
{
    $numbers = range(0, $count - 1);
    $state = 1;
    for ($i = $count - 1; $i > 0; $i--) {
        $j = below($state, $i);
        $kept = $numbers[$i];
        $numbers[$i] = $numbers[$j];
        $numbers[$j] = $kept;
    }
    return $numbers;
}

// newdrop.c

function newdrop(int $size): void
{
    $check = 0;
    $start = now();
    for ($i = 0; $i < $size; $i++) {
        $self = new Box;
        $self->first = $i;
        $check += $self->first;
        unset($self);
    }
    report_ns(now() - $start, $size, $check);
}

function random_drop(int $size): void
{
    $boxes = array_fill(0, OBJECTS, null);
    $order = shuffled(OBJECTS);
    $check = 0;
    $start = now();
    for ($pass = 0; $pass < $size; $pass++) {
        for ($i = 0; $i < OBJECTS; $i++) {
            $boxes[$i] = $self = new Box;
            $self->first = $i;
        }
        unset($self);
        for ($i = 0; $i < OBJECTS; $i++) {
            $place = $order[$i];
            $check += $boxes[$place]->first ^ $i;
            $boxes[$place] = null;
        }
    }
    report_ns(now() - $start, $size * OBJECTS, $check);
}

function replace(int $size): void
{
    $boxes = [];
    for ($i = 0; $i < OBJECTS; $i++) {
        $boxes[$i] = $self = new Box;
        $self->first = $i;
    }
    $check = 0;
    $ns = 0;
    $state = 1;
    // The numbers are drawn off the clock: in C they cost next to nothing.
    $places = array_fill(0, OBJECTS, 0);
    for ($first = 0; $first < $size; $first += OBJECTS) {
        $last = min($first + OBJECTS, $size);
        for ($i = $first; $i < $last; $i++) {
            $places[$i - $first] = below($state, OBJECTS);
        }
        $start = now();
        for ($i = $first; $i < $last; $i++) {
            $place = $places[$i - $first];
            $check += $boxes[$place]->first;
            $boxes[$place] = $self = new Box;
            $self->first = $i;
        }
        $ns += now() - $start;
    }
    report_ns($ns, $size, $check);
}

// trees.c

function tree_new(int $depth): Node
{
    $self = new Node;
    if ($depth > 0) {
        $self->left = tree_new($depth - 1);
        $self->right = tree_new($depth - 1);
    }
    return $self;
}

function tree_nodes(Node $self): int
{
    return $self->left === null ? 1 : 1 + tree_nodes($self->left) + tree_nodes($self->right);
}

function trees(int $size): void
{
    $start = now();
    $lasting = tree_new($size);
    $nodes = 0;
    for ($depth = 4; $depth <= $size; $depth += 2) {
        for ($i = 0, $count = 4 << $size - $depth; $i < $count; $i++) {
            $tree = tree_new($depth);
            $nodes += tree_nodes($tree);
            unset($tree);
        }
    }
    $nodes += tree_nodes($lasting);
    unset($lasting);
    report_ns(now() - $start, $nodes, $nodes);
}

// rings.c

function died(): int
{
    return gc_status()['collected'];
}

function ring(int $length): void
{
    $nodes = [];
    for ($i = 0; $i < $length; $i++) {
        $nodes[] = new Node;
    }
    for ($i = 0; $i < $length; $i++) {
        $self = $nodes[$i];
        $self->left = $nodes[$i + 1 < $length ? $i + 1 : 0];
        $self->right = $nodes[$i > 0 ? $i - 1 : $length - 1];
    }
}

function rings(int $size, int $length): void
{
    $start = now();
    for ($i = intdiv($size, $length); $i > 0; $i--) {
        ring($length);
    }
    gc_collect_cycles();
    report_ns(now() - $start, $size, died());
}

// graph.c

function graph_new(int $size): Node
{
    gc_disable(); // building is not on the clock
    $next = shuffled($size);
    $nodes = [];
    for ($i = 0; $i < $size; $i++) {
        $nodes[] = new Node;
    }
    $state = 1;
    for ($i = 0; $i < $size; $i++) {
        $nodes[$i]->left = $nodes[$next[$i]];
        $nodes[$i]->right = $nodes[below($state, $size)];
    }
    return $nodes[0];
}

function graph_check(Node $root): int
{
    $check = 0;
    $self = $root;
    do {
        $check += 1 + ($self->right === $self->left ? 1 : 0) + ($self->right === $root ? 1 : 0);
        $self = $self->left;
    } while ($self !== $root);
    return $check;
}

// PHP looks at what can be reached from objects that lost a reference since the last collection and
// lived on. One is enough here, since all are reached from it: when all have lost one (in the first
// collection, or by calling graph_check before each) it takes as long or a little longer.
function full(int $size): void
{
    $root = graph_new($size);
    $ns = [];
    for ($i = 0; $i < 3; $i++) {
        $other = $root;
        unset($other);
        $start = now();
        gc_collect_cycles();
        $ns[] = now() - $start;
    }
    sort($ns);
    report_ns($ns[1], $size, graph_check($root) + died());
}

function garbage(int $size): void
{
    $root = graph_new($size);
    $start = now();
    unset($root);
    gc_collect_cycles();
    report_ns(now() - $start, $size, died());
}

function resident_bytes(): int // the number of statm, but not in pages of unknown size
{
    if (!preg_match('/^VmRSS:\s*(\d+) kB$/m', file_get_contents('/proc/self/status'), $found)) {
        fail('cannot read /proc/self/status');
    }
    return (int)$found[1] * 1024;
}

function bytes(int $size): void
{
    $before = resident_bytes();
    $root = null;
    for ($i = 0; $i < $size; $i++) {
        $self = new Node;
        $self->left = $root;
        $root = $self;
    }
    $after = resident_bytes();
    unset($self);
    // The list is freed on the way: PHP would free it as a whole by recursion.
    $walked = 0;
    while ($root !== null) {
        $walked++;
        $root = $root->left;
    }
    report('bytes', ($after - $before) / $size, $walked);
}

$workloads = [
    'newdrop' => newdrop(...),
    'random-drop' => random_drop(...),
    'replace' => replace(...),
    'trees' => trees(...),
    'rings10' => fn(int $size) => rings($size, 10),
    'rings1000' => fn(int $size) => rings($size, 1000),
    'full1m' => full(...),
    'full10m' => full(...),
    'garbage1m' => garbage(...),
    'bytes' => bytes(...),
];

if ($argc < 3) {
    echo implode("\n", array_keys($workloads)), "\n";
    exit(0);
}
$running = $argv[1];
if (!isset($workloads[$running])) {
    fail('there is no such workload');
}
$workloads[$running]((int)$argv[2]);
