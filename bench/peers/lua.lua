-- SPDX-License-Identifier: MIT
-- Lua 5.4. It has no references to count, so nothing is dropped but by forgetting it.
--
-- A node is the table {left, right}, a leaf of a tree {}: with the fields in the array part trees
-- takes 74 ns a node at size 14, with named fields {left = l, right = r} 88, with room for two
-- references in the leaves too 81. Collections come at Lua's own pace; of its two modes each
-- workload has the faster:
--
--                                incremental   generational
--     newdrop      10000000           48             42       ns
--     random-drop  10                377            413
--     replace      5000000           742            963
--     trees        18                221            176
--     rings10      5000000            69             66
--     rings1000    5000000            73             94
--     full10m      10000000          203            204
--     garbage1m    1000000            15             18

local LEFT <const>, RIGHT <const> = 1, 2
local OBJECTS <const> = 1000000

local generational = {newdrop = true, trees = true, rings10 = true}

local running -- the workload, for the figures
local clock = os.clock

local function report(metric, value, check)
    print(("lua\t%s\t%s\t%.4f\t%d"):format(running, metric, value, check))
end

local function report_seconds(seconds, count, check)
    report("ns", seconds * 1e9 / count, check)
end

-- The random numbers and the shuffle of bench.h.

local state

local function below(bound)
    local x = state
    x = x ~ (x << 13 & 0xffffffff)
    x = x ~ (x >> 17)
    x = x ~ (x << 5 & 0xffffffff)
    state = x
    return x * bound >> 32
end

local function shuffled(count) -- places from 1, numbers from 0
    local numbers = {}
    for i = 1, count do
        numbers[i] = i - 1
    end
    state = 1
    for i = count - 1, 1, -1 do
        local j = below(i)
        numbers[i + 1], numbers[j + 1] = numbers[j + 1], numbers[i + 1]
    end
    return numbers
end

-- How many nodes are gone, from Lua's own account of its memory: the bytes that are missing. The
-- stack and the like grow and shrink too; OTHER_BYTES bounds that.

local OTHER_BYTES <const> = 4096
local bytes_before

local function bytes_used()
    return collectgarbage("count") * 1024
end

local function account()
    collectgarbage() -- what the compiler left
    bytes_before = bytes_used()
end

local function died(made)
    collectgarbage("stop")
    local bytes = bytes_used()
    local node = {nil, nil}
    local node_bytes = bytes_used() - bytes
    collectgarbage("restart")
    local left = bytes - bytes_before
    if math.abs(left) < OTHER_BYTES then
        return made
    elseif math.abs(left - made * node_bytes) < OTHER_BYTES then
        return 0
    end
    return made - math.floor(left / node_bytes)
end

-- newdrop.c: a box is an array of left, right and two numbers.

local function array(count)
    local boxes = {}
    for i = 1, count do
        boxes[i] = false
    end
    return boxes
end

local function newdrop(size)
    local check = 0
    local start = clock()
    for i = 0, size - 1 do
        local self = {nil, nil, i, 0}
        check = check + self[3]
    end
    report_seconds(clock() - start, size, check)
end

local function random_drop(size)
    local boxes = array(OBJECTS)
    local order = shuffled(OBJECTS)
    local check = 0
    local start = clock()
    for _ = 1, size do
        for i = 0, OBJECTS - 1 do
            boxes[i + 1] = {nil, nil, i, 0}
        end
        for i = 0, OBJECTS - 1 do
            local place = order[i + 1] + 1
            local self = boxes[place]
            boxes[place] = false
            check = check + (self[3] ~ i)
        end
    end
    report_seconds(clock() - start, size * OBJECTS, check)
end

local function replace(size)
    local boxes = array(OBJECTS)
    for i = 0, OBJECTS - 1 do
        boxes[i + 1] = {nil, nil, i, 0}
    end
    local places = array(OBJECTS)
    local check = 0
    local seconds = 0
    state = 1
    -- The numbers are drawn off the clock: in C they cost next to nothing.
    for first = 0, size - 1, OBJECTS do
        local last = math.min(first + OBJECTS, size) - 1
        for i = first, last do
            places[i - first + 1] = below(OBJECTS) + 1
        end
        local start = clock()
        for i = first, last do
            local place = places[i - first + 1]
            check = check + boxes[place][3]
            boxes[place] = {nil, nil, i, 0}
        end
        seconds = seconds + (clock() - start)
    end
    report_seconds(seconds, size, check)
end

-- trees.c

local function tree_new(depth)
    if depth == 0 then
        return {}
    end
    return {tree_new(depth - 1), (tree_new(depth - 1))}
end

local function tree_nodes(self)
    local left = self[LEFT]
    return left and 1 + tree_nodes(left) + tree_nodes(self[RIGHT]) or 1
end

local function trees(size)
    local start = clock()
    local lasting = tree_new(size)
    local nodes = 0
    for depth = 4, size, 2 do
        for _ = 1, 4 << (size - depth) do
            nodes = nodes + tree_nodes(tree_new(depth))
        end
    end
    nodes = nodes + tree_nodes(lasting)
    report_seconds(clock() - start, nodes, nodes)
end

-- rings.c: the array is used again for each ring, as the one on the stack is in C.

local function ring(nodes, length)
    for i = 1, length do
        nodes[i] = {nil, nil}
    end
    for i = 1, length do
        local self = nodes[i]
        self[LEFT] = nodes[i < length and i + 1 or 1]
        self[RIGHT] = nodes[i > 1 and i - 1 or length]
    end
end

local function rings(size, length)
    account()
    local start = clock()
    local nodes = {}
    for _ = 1, size // length do
        ring(nodes, length)
    end
    nodes = nil
    collectgarbage()
    report_seconds(clock() - start, size, died(size // length * length))
end

-- graph.c

local root

local function graph_new(size)
    account()
    collectgarbage("stop") -- building is not on the clock
    local next = shuffled(size)
    local nodes = {}
    for i = 1, size do
        nodes[i] = {nil, nil}
    end
    state = 1
    for i = 1, size do
        local self = nodes[i]
        self[LEFT] = nodes[next[i] + 1]
        self[RIGHT] = nodes[below(size) + 1]
    end
    root = nodes[1]
    collectgarbage("restart")
end

local function graph_check()
    local check = 0
    local self = root
    repeat
        local left, right = self[LEFT], self[RIGHT]
        check = check + 1 + (right == left and 1 or 0) + (right == root and 1 or 0)
        self = left
    until self == root
    return check
end

local function full(size)
    graph_new(size)
    local seconds = {}
    for i = 1, 3 do
        local start = clock()
        collectgarbage()
        seconds[i] = clock() - start
    end
    table.sort(seconds)
    report_seconds(seconds[2], size, graph_check() + died(size))
end

local function garbage(size)
    graph_new(size)
    root = nil
    local start = clock()
    collectgarbage()
    report_seconds(clock() - start, size, died(size))
end

local function resident_bytes() -- the number of statm, but not in pages of unknown size
    for line in io.lines("/proc/self/status") do
        local kib = line:match("^VmRSS:%s*(%d+) kB")
        if kib then
            return kib * 1024
        end
    end
    error("cannot read /proc/self/status")
end

local function bytes(size)
    local before = resident_bytes()
    for _ = 1, size do
        root = {root, nil}
    end
    local after = resident_bytes()
    local walked = 0
    local self = root
    while self do
        walked = walked + 1
        self = self[LEFT]
    end
    report("bytes", (after - before) / size, walked)
end

-- trash.c, in the incremental mode: the generational takes 1.2 to 1.9 times as long, pauses 2 to 8
-- times as long, and its peak is 3 % higher. Lua's clock is that of processor time, counts
-- microseconds, and takes 0.3 of them; so the work is a loop whose turns were timed before.

local function pair_new(serial)
    local first = {nil, nil, serial, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0}
    local second = {first, nil, serial, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0}
    first[LEFT] = second
    return first
end

local function work(turns)
    for _ = 1, turns do
    end
end

local function turns_a_second()
    local turns, most = 10000000, 0
    for _ = 1, 5 do
        local start = clock()
        work(turns)
        most = math.max(most, turns / (clock() - start))
    end
    return most
end

local function seconds_a_reading()
    local least = math.huge
    for _ = 1, 100 do
        local start = clock()
        for _ = 2, 1000 do
            clock()
        end
        least = math.min(least, clock() - start)
    end
    return least / 1000
end

local function most(values, first, last)
    local result = values[first]
    for i = first, last do
        result = math.max(result, values[i])
    end
    return result
end

local function slope(bytes, count_all, turn)
    local first = count_all // 2
    local count = count_all - first
    local before = math.min(2 * turn, first)
    local mean, x_x, x_y, y_y, y_sum = (count - 1) / 2, 0, 0, 0, 0
    for i = 0, count - 1 do
        local x = i - mean
        local y = most(bytes, first + i - before + 1, first + i + 1)
        x_x, x_y, y_y, y_sum = x_x + x * x, x_y + x * y, y_y + y * y, y_sum + y
    end
    local line = x_y / x_x
    local scatter = (y_y - y_sum * y_sum / count - line * x_y) / count
    local rise = line * count
    local flat = math.abs(rise) < 1 / turn or line * line < 4 * scatter / x_x * before
    return flat and 0 or rise
end

local function trash(size)
    local shape, us, mb, frozen = running:match("/(%w+)%-([%d.]+)us%-([%d.]+)MB(.*)")
    if frozen ~= "" then
        return -- Lua freezes nothing
    end
    local bytes_asked = tonumber(mb) * 1e6
    local length, turn, made, rest, places = 10, nil, nil, 1, nil
    if shape == "cache" then
        places, made = bytes_asked // 248 // 2, 2
        turn = places
    elseif shape == "list" then
        length = bytes_asked // 24 // 10 * 10
        places, made, turn = 1, 10, length // 10
    else
        length = shape == "rings1000" and 1000 or 10
        places, made = bytes_asked // 24 // length, length
        turn = places
    end
    turn, places, length = turn // 1 | 0, places // 1 | 0, length // 1 | 0
    if shape == "burst" then
        rest = turn // 4
    end
    local work_turns = turns_a_second() * tonumber(us) / 1e6 * rest // 1 | 0
    local operations = size * turn
    local period = math.max(turn // 64, operations // 16384, 1)

    local alive, nodes, tail, count, place = array(places), {}, nil, 0, 1
    state = 1
    local operation
    if shape == "cache" then
        operation = function(serial)
            alive[below(places) + 1] = pair_new(serial)
        end
    elseif shape == "list" then
        operation = function()
            if count == length then
                alive[1], tail, count = false, nil, 0
            end
            for _ = 1, 10 do
                local self = {nil, tail}
                if tail then
                    tail[LEFT] = self
                else
                    alive[1] = self
                end
                tail = self
            end
            count = count + 10
        end
    else
        operation = function()
            ring(nodes, length)
            alive[place] = nodes[1]
            place = place < places and place + 1 or 1
        end
    end

    local bytes, sample_count = array(operations // period + 1), 0
    local statm = io.open("/proc/self/statm")
    statm:setvbuf("no") -- each time what it says now
    local function resident_now()
        statm:seek("set")
        local _, pages = statm:read("n", "n")
        return pages
    end
    collectgarbage()
    local bytes_base, resident_base = bytes_used(), resident_now()
    collectgarbage("stop")
    for i = 1, turn do
        if shape == "cache" then
            alive[i] = pair_new(0)
        else
            operation()
        end
    end
    collectgarbage("restart")
    collectgarbage()
    local bytes_alive, resident_alive = bytes_used() - bytes_base, resident_now() - resident_base

    local longest, total, resident = 0, 0, 0
    local reading = seconds_a_reading()
    for i = 1, operations do
        local start = clock()
        operation(i)
        local seconds = clock() - start
        total = total + seconds
        longest = seconds > longest and seconds or longest
        if i % period == 0 then
            sample_count = sample_count + 1
            bytes[sample_count] = (bytes_used() - bytes_base) / bytes_alive
            resident = math.max(resident, (resident_now() - resident_base) / resident_alive)
        end
        if i % rest == 0 then
            work(work_turns)
        end
    end

    local sum = 0
    for _, first in ipairs(alive) do
        if shape == "cache" then
            sum = sum + 2 + first[3] + first[LEFT][3]
        else
            local self = first
            repeat
                sum = sum + 1
                self = self[LEFT]
            until not self or self == first
        end
    end
    report("peak_ratio", most(bytes, 1, sample_count), sum)
    report("slope", slope(bytes, sample_count, turn // period), sum)
    report("pause_max_ms", longest * 1e3, sum)
    report("ns", (total / operations - reading) / made * 1e9, sum)
    report("resident_ratio", resident, sum)
    local points = {size}
    for i = 0, 119 do
        local first = sample_count * i // 120 + 1
        local last = math.max(sample_count * (i + 1) // 120, first)
        points[i + 2] = ("%.3g"):format(most(bytes, first, last))
    end
    print(("lua\t%s\tcurve\t%s\t%d"):format(running, table.concat(points, " "), sum))
end

local workloads = {
    {"newdrop", newdrop},
    {"random-drop", random_drop},
    {"replace", replace},
    {"trees", trees},
    {"rings10", function(size) rings(size, 10) end},
    {"rings1000", function(size) rings(size, 1000) end},
    {"full1m", full},
    {"full10m", full},
    {"garbage1m", garbage},
    {"bytes", bytes},
    {"trash", trash},
}

if #arg < 2 then
    for _, workload in ipairs(workloads) do
        print(workload[1])
    end
    return
end
running = arg[1]
for _, workload in ipairs(workloads) do
    if workload[1] == running:match("^[^/]*") then
        collectgarbage(generational[workload[1]] and "generational" or "incremental")
        workload[2](math.tointeger(tonumber(arg[2])))
        -- Without closing the state, which would free what lives.
        io.stdout:flush()
        os.exit(true, false)
    end
end
error("there is no such workload")
