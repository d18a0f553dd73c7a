# Writes the site below `root`: the same pages each time, in twelve sections of 8 to 41 pages.
#
# A section's index.html links to some of its pages, and each page to the next and to others, so that a
# crawler finds all of them, last.html at the end. A page has a style sheet and a few images.
# Lengths are heavy-tailed. small/1.txt … small/200.txt are beside it.
# SPDX-License-Identifier: BSD-3-Clause

# Park and Miller, "Random number generators: good ones are hard to find" (1988).
function uniform()
{
	seed = (seed * 16807) % 2147483647
	return seed / 2147483647
}

# 2 + |Cauchy(scale)|, cut at most.
function heavy(scale, most,    u, x)
{
	u = uniform() * 1.5707963
	x = 2 + scale * sin(u) / cos(u)
	return int(x < most ? x : most)
}

# Word by word: a string that grows is copied with each word, which a slow machine feels.
function write_text(n, file,    done, s)
{
	for (done = 0; done < n; done += length(s)) {
		s = words[int(uniform() * n_words) + 1] (uniform() < 0.1 ? ".\n" : " ")
		printf "%s", s >file
	}
}

function name_of(page, pages)
{
	return page == pages ? "last" : page
}

function write_page(dir, page, pages,    file, i, n)
{
	file = dir "/" name_of(page, pages) ".html"
	printf "<!doctype html>\n<html><head><title>Page %d</title>\n", page >file
	printf "<link rel=\"stylesheet\" href=\"/site/style.css\"></head><body>\n" >file
	n = int(uniform() * 4)
	for (i = 0; i < n; i++)
		printf "<img src=\"/site/image%d.png\" alt=\"\">\n", int(uniform() * 20) + 1 >file
	printf "<p>" >file
	write_text(heavy(4000, 60000), file)
	printf "</p>\n" >file
	if (page < pages)
		printf "<a href=\"%s.html\">next</a>\n", name_of(page + 1, pages) >file
	for (i = 0; i < 3; i++)
		printf "<a href=\"%s.html\">see</a>\n",
			name_of(int(uniform() * pages) + 1, pages) >file
	printf "</body></html>\n" >file
	close(file)
}

function write_section(dir, pages,    i, file)
{
	system("mkdir -p " dir)
	file = dir "/index.html"
	printf "<!doctype html>\n<html><head><title>Section</title>\n" >file
	printf "<meta name=\"pages\" content=\"%d\"></head><body>\n", pages >file
	for (i = 1; i <= pages; i += 4)
		printf "<a href=\"%s.html\">%d</a>\n", name_of(i, pages), i >file
	printf "</body></html>\n" >file
	close(file)
	for (i = 1; i <= pages; i++)
		write_page(dir, i, pages)
}

BEGIN {
	seed = 20221
	n_words = split("net host link frame queue delay loss route switch bridge packet flow rate " \
			"probe trace label owner the a of and to in is with for every no", words, " ")
	for (section = 1; section <= 12; section++)
		write_section(root "/site/" section, 5 + section * 3)
	style = root "/site/style.css"
	printf "body { margin: 2em; }\n/* " >style
	write_text(3000, style)
	printf " */\n" >style
	for (i = 1; i <= 20; i++) {
		image = root "/site/image" i ".png"
		write_text(heavy(8000, 120000), image)
		printf "\n" >image
	}
	for (i = 1; i <= 200; i++)
		printf "%d\n", i >(root "/small/" i ".txt")
	printf "<html><body>Thank you.</body></html>\n" >(root "/thanks.html")
	printf "<html><body><a href=\"/site/1/\">The site</a></body></html>\n" >(root "/index.html")
}
