-- For wrk: the bodies of a file in turn, each request with an Idempotency-Key of its own.
-- Arguments: file, prefix of the keys, number of answers after which to stop (0: go on), access key.

local bodies, sent, answered = {}, 0, 0
local prefix, most, headers

function init(args)
  for line in io.lines(args[1]) do bodies[#bodies + 1] = line end
  prefix, most = args[2], tonumber(args[3])
  headers = { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. args[4] }
  if most > 0 then response = count end
end

function request()
  sent = sent + 1
  headers["Idempotency-Key"] = prefix .. sent
  return wrk.format("POST", nil, headers, bodies[sent % #bodies + 1])
end

function count()
  answered = answered + 1
  if answered == most then wrk.thread:stop() end
end

function done(summary, latency)
  local errors = summary.errors
  io.stderr:write(string.format(
    '{"answers": %d, "seconds": %f, "p50": %f, "p99": %f, "failed": %d}', summary.requests,
    summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
