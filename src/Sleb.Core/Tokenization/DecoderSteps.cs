using System.Text;

namespace Sleb.Core.Tokenization;

/// <summary>The decoders of tokenizer.json. All but <see cref="Fuse"/> pass text on as soon as it is certain.</summary>
internal static class DecoderSteps
{
    public static DecoderStep Map(Func<string, string> change) => next => token => next(token is null ? null : change(token));

    /// <summary>What the original does without a decoder.</summary>
    public static Action<string?> JoinWithSpaces(Action<string?> next)
    {
        bool first = true;
        return token =>
        {
            next(token is null || first ? token : " " + token);
            first = false;
        };
    }

    public static Action<string?> ByteLevel(Action<string?> next)
    {
        var decoder = Encoding.UTF8.GetDecoder();
        return token =>
        {
            var bytes = token is null ? [] : ByteAlphabet.Decode(token);
            var characters = new char[decoder.GetCharCount(bytes, flush: token is null)];
            decoder.GetChars(bytes, characters, flush: token is null);
            if (characters.Length > 0) next(new string(characters));
            if (token is null) next(null);
        };
    }

    /// <summary>Runs of <c>&lt;0xAB&gt;</c> are UTF-8; a run that is not valid gives one U+FFFD per byte.</summary>
    public static Action<string?> ByteFallback(Action<string?> next)
    {
        var run = new List<byte>();
        return token =>
        {
            if (token is ['<', '0', 'x', char high, char low, '>'] && char.IsAsciiHexDigit(high) && char.IsAsciiHexDigit(low))
            {
                run.Add(Convert.FromHexString([high, low])[0]);
                return;
            }
            if (run.Count > 0)
            {
                byte[] bytes = [.. run];
                if (System.Text.Unicode.Utf8.IsValid(bytes)) next(Encoding.UTF8.GetString(bytes));
                else foreach (byte _ in bytes) next("\uFFFD");
                run.Clear();
            }
            next(token);
        };
    }

    public static Action<string?> Fuse(Action<string?> next)
    {
        var all = new StringBuilder();
        return token =>
        {
            all.Append(token);
            if (token is not null) return;
            next(all.ToString());
            next(null);
        };
    }

    /// <summary>Strip behind Fuse: up to so many of a character from the beginning of the whole text, without waiting for its end.</summary>
    public static DecoderStep StripBeginning(char content, int most) => next =>
    {
        int left = most;
        return token =>
        {
            int cut = 0;
            while (cut < token?.Length && left > 0)
            {
                if (token[cut] == content) (cut, left) = (cut + 1, left - 1);
                else left = 0;
            }
            next(token?[cut..]);
        };
    };

    public static DecoderStep Strip(char content, int start, int stop) => Map(token =>
    {
        int from = 0, to = token.Length;
        while (from < Math.Min(start, token.Length) && token[from] == content) from++;
        while (token.Length - to < stop && to > from && token[to - 1] == content) to--;
        return token[from..to];
    });

    public static DecoderStep Metaspace(char replacement, bool dropFirst) => next =>
    {
        bool first = dropFirst;
        return token =>
        {
            next(first ? token?.Replace($"{replacement}", "", StringComparison.Ordinal) : token?.Replace(replacement, ' '));
            first = false;
        };
    };
}
