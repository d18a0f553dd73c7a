/*
 * The shaper's two programs on each half of a link: ingress copies frames into the ring, egress turns
 * the mark that the shaper sends with back into skb->hash. Needs no kernel BTF.
 */
/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include "emu/shaper/shaper_bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 32 * 1024 * 1024);
} frames SEC(".maps");

__u64 overruns; /* frames that found no room */

static __always_inline int lose(void)
{
	__sync_fetch_and_add(&overruns, 1);
	return TC_ACT_SHOT;
}

static __always_inline int take(struct __sk_buff *skb, const __u32 room)
{
	struct shaper_frame *f = bpf_ringbuf_reserve(&frames, sizeof(*f) + room, 0);
	__u32 last = skb->len - 1;

	if (!f)
		return lose();
	f->time = bpf_ktime_get_ns();
	f->hash = skb->hash;
	f->ifindex = skb->ifindex;
	f->vlan_proto = skb->vlan_present ? skb->vlan_proto : 0;
	f->vlan_tci = skb->vlan_tci;
	f->len = skb->len;
	/* The caller compared before, but the verifier must see both bounds, of this very register. */
	asm volatile("" : "+r"(last));
	if (last >= room || bpf_skb_load_bytes(skb, 0, f->data, last + 1)) {
		bpf_ringbuf_discard(f, 0);
		return lose();
	}
	bpf_ringbuf_submit(f, 0);
	return TC_ACT_STOLEN;
}

SEC("tc")
int ingress(struct __sk_buff *skb)
{
	if (skb->len <= SHAPER_SIZE_0)
		return take(skb, SHAPER_SIZE_0);
	if (skb->len <= SHAPER_SIZE_1)
		return take(skb, SHAPER_SIZE_1);
	if (skb->len <= SHAPER_SIZE_2)
		return take(skb, SHAPER_SIZE_2);
	if (skb->len <= SHAPER_SIZE_3)
		return take(skb, SHAPER_SIZE_3);
	return take(skb, SHAPER_SIZE_4);
}

SEC("tc")
int egress(struct __sk_buff *skb)
{
	bpf_set_hash(skb, skb->mark);
	skb->mark = 0;
	return TC_ACT_OK;
}

char _license[] SEC("license") = "Dual BSD/GPL";
