-- Shows in Wireshark and tshark who sent each packet of a detnet capture, as fields to filter by and to
-- make columns of. They come from the packet's comment, which detnet writes.
-- SPDX-License-Identifier: BSD-3-Clause
--
-- To install, copy this file into the personal Lua plugins folder (Help > About Wireshark > Folders), as
-- a rule ~/.local/lib/wireshark/plugins; or name it on the command line:
--     tshark -X lua_script:detnet.lua -r capture.pcapng -Y 'detnet.process == "lftp"'
--
-- A comment reads "host=h1 pid=812 comm=lftp owner=8209 scenario=ftp/get activity=17". A process names
-- itself as it likes, spaces and "owner=1" included, so its name ends at the last " owner=".

if set_plugin_info then
	set_plugin_info({ version = "1.0", description = "The sender and the activity of each packet, "
		.. "as detnet recorded them", author = "detnet" })
end

-- It may be here already: installed, and named by -X as well.
local fresh, proto = pcall(Proto, "detnet", "detnet: Sender and Activity")
if not fresh then
	return
end

local fields = {
	host = ProtoField.string("detnet.host", "Host", base.UNICODE, "The host that sent the packet"),
	pid = ProtoField.uint32("detnet.pid", "Process ID", base.DEC, nil, nil,
		"The process that sent it, as its host numbers it"),
	process = ProtoField.string("detnet.process", "Process", base.UNICODE,
		"The name of the process that sent it, or kernel"),
	owner = ProtoField.uint32("detnet.owner", "Owner", base.DEC, nil, nil,
		"The row of owners.csv that says more of the process"),
	confidence = ProtoField.string("detnet.confidence", "Confidence", base.UNICODE,
		"How the sender is known, where the kernel did not tell it: inferred"),
	scenario = ProtoField.string("detnet.scenario", "Scenario", base.UNICODE,
		"The scenario that the packet is of"),
	sub = ProtoField.string("detnet.sub", "Subscenario", base.UNICODE,
		"What a client of the scenario did"),
	activity = ProtoField.uint32("detnet.activity", "Activity", base.DEC, nil, nil,
		"The row of activities.csv that says more of it"),
}
local order = { "host", "pid", "process", "owner", "confidence", "scenario", "sub", "activity" }
local numbers = { pid = true, owner = true, activity = true }
for _, name in ipairs(order) do
	table.insert(proto.fields, fields[name])
end

local frame_comment = Field.new("frame.comment")

-- What a comment says, by field; nil for one that is not detnet's.
local function read_comment(text)
	local host, rest = text:match("^host=(%S+) ?(.*)$")
	local said, tail = {}, rest

	if not host then
		return nil
	end
	if host ~= "?" then
		local who

		who, tail = rest:match("^(.*) (owner=%d+.*)$")
		if who == "kernel" then
			said.process = who
		elseif who then
			said.pid, said.process = who:match("^pid=(%d+) comm=(.*)$")
		end
		if not said.process then
			return nil
		end
		said.host = host
	end
	for key, value in tail:gmatch("(%l+)=(%S+)") do
		if key == "scenario" then
			said.scenario, said.sub = value:match("^([^/]+)/?(.*)$")
		elseif key == "owner" or key == "activity" or key == "confidence" then
			said[key] = value
		end
	end
	for name in pairs(numbers) do
		if said[name] and tonumber(said[name]) > 0xffffffff then
			return nil -- it would come round to another's
		end
	end
	return said
end

-- "h1 lftp[812], ftp/get 17"
local function summary(said)
	local text = said.host or "unknown sender"

	if said.process then
		text = text .. " " .. said.process
	end
	if said.pid then
		text = text .. "[" .. said.pid .. "]"
	end
	if said.scenario then
		text = text .. ", " .. said.scenario
	end
	if said.sub and said.sub ~= "" then
		text = text .. "/" .. said.sub
	end
	return said.activity and text .. " " .. said.activity or text
end

-- Others may have added comments of their own.
local function find_said()
	for _, comment in ipairs({ frame_comment() }) do
		local said = read_comment(tostring(comment.value))

		if said then
			return said
		end
	end
end

function proto.dissector(_, _, tree)
	local said = find_said()

	if not said then
		return
	end
	local item = tree:add(proto, summary(said))
	item:set_generated()
	for _, name in ipairs(order) do
		local value = said[name]

		if value and value ~= "" then
			value = numbers[name] and tonumber(value) or value
			item:add(fields[name], value):set_generated()
		end
	end
end

register_postdissector(proto)
