namespace Sleb.Core.Tokenization;

/// <summary>Which pieces Metaspace begins with its replacement character.</summary>
internal enum PrependScheme
{
    Always,
    First,
    Never,
}
