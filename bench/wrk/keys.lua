-- Requests for wrk: one method over a round of keys, all built before the start. Prints one line of JSON at the end.
-- Arguments: method, number of keys, bytes of the value, query string, Authorization header (both may be empty or missing).

local requests, count, at = {}, 0, 0

function init(args)
  local method, keys, bytes, query = args[1], tonumber(args[2]), tonumber(args[3]), args[4] or ''
  local body
  if (args[5] or '') ~= '' then wrk.headers['Authorization'] = args[5] end
  if method == 'PUT' then
    body = 'value=' .. string.rep('v', bytes)
    wrk.headers['Content-Type'] = 'application/x-www-form-urlencoded'
  end
  for i = 0, keys - 1 do
    requests[i] = wrk.format(method, '/v2/keys/bench/' .. i .. query, nil, body)
  end
  count = keys
end

function request()
  at = at + 1
  if at >= count then at = 0 end
  return requests[at]
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '\n{"operations":%d,"seconds":%.6f,"p50Ms":%.4f,"p99Ms":%.4f,"errors":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.connect + e.read + e.write + e.status + e.timeout))
end
