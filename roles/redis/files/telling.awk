# Of what Redis says before it ends, the line that tells why, without its time. It stands between quotes: it may have none itself.
{ sub(/^[0-9]+:[A-Z] [^#*]*[#*] /, "") }
named != "" { told = /^Module Configuration/ ? "Redis has no such setting: " named : named ": " $0; exit }
sub(/^>>> /, "") { named = $0; next }
sub(/^.* ACL errors: /, "") { sub(/ *WARNING: ACL errors detected.*/, ""); told = $0; exit }
sub(/^Warning: Could not/, "Could not") { told = $0; exit }
NF { last = $0 }
END { print told != "" ? told : last }
