"""A stand-in for django-oscar with django-oscar-api: the part that the adapter uses, with its rules.

Seen on a real django-oscar 4.2.1 with django-oscar-api 3.3.0: one bare array of all orders, newest first, or
pages of Django REST framework; parameters that it does not know are ignored; lines and skus are behind links;
an order that does not exist has no lines, with status 200; without the admin API there is a page with 404.
"""
