/*
 * The cgroup rung: a packet's owner is the program whose cgroup created its socket. Works on any
 * kernel with BPF for tc and cgroups, without BTF.
 */
/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0 */
#include "capture/sender/egress.bpf.h"

SEC("tc")
int egress(struct __sk_buff *skb)
{
	if (!is_forwarded(skb))
		set_tag(skb, owner_of_skb(skb));
	return TC_ACT_UNSPEC;
}
